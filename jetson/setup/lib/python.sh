# shellcheck shell=bash
# The virtual environment, its libraries, and the program in it. Sourced by install.sh.

VENV=/opt/thermoscreen
# The device half only; training and export need PyTorch, which a board does not have.
PACKAGES=(service jetson calibration)

pip() { PYTHONDONTWRITEBYTECODE='' "$ROOT$VENV/bin/python" -m pip --disable-pip-version-check "$@"; }
has_module() { "$1" -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)' "$2" 2>/dev/null; }

# JetPack installs TensorRT for the system's Python only. Without it, the environment does not see the system's packages.
step_environment() {
    local wanted=false words=()
    if [ "$IS_JETSON" = 1 ] || has_module "$PYTHON" tensorrt; then
        wanted=true words=(--system-site-packages)
    fi
    TEXT="Python ${PYTHON_VERSION%.*} in $ROOT$VENV"
    [ "$wanted" = false ] || TEXT="$TEXT, with the system's packages (tensorrt)"
    environment_is_sound "$wanted" && return
    hold_service
    remember tree "$VENV"
    act "make a virtual environment in $ROOT$VENV" quietly "$PYTHON" -m venv --clear "${words[@]}" "$ROOT$VENV"
}

environment_is_sound() {
    [ -x "$ROOT$VENV/bin/python" ] || return 1
    [ "$("$ROOT$VENV/bin/python" -c 'import pip, sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" \
        = "${PYTHON_VERSION%.*}" ] || return 1
    grep -qi "^include-system-site-packages *= *$1\$" "$ROOT$VENV/pyvenv.cfg"
}

step_libraries() {
    local tools=$SOURCE/requirements/pip.txt pins=$WORK/libraries.txt
    write_pins "$pins"
    TEXT="as pinned in $PINS"
    [ "$GPU_RUNTIME" = '' ] || TEXT="$TEXT, onnxruntime-gpu ($GPU_RUNTIME) in place of onnxruntime"
    if has_all "$tools" && has_all "$pins"; then
        return
    fi
    hold_service
    [ "$DRY_RUN" = 1 ] || say "$(grep -c == "$pins") libraries${OFFLINE:+ from $OFFLINE}; this takes minutes on a board"
    act "install requirements/pip.txt${OFFLINE:+ from $OFFLINE}" quietly pip install "${FROM[@]}" --requirement "$tools"
    act "install $PINS${OFFLINE:+ from $OFFLINE}" quietly pip install "${FROM[@]}" --requirement "$pins"
}

# has_all FILE: without an index pip can install nothing, so it succeeds only if everything is installed already.
has_all() {
    [ -x "$ROOT$VENV/bin/python" ] || return 1
    env -u PIP_FIND_LINKS "$ROOT$VENV/bin/python" -m pip --disable-pip-version-check install --quiet --no-index \
        --no-cache-dir --no-deps --requirement "$1" >>"$WORK/log" 2>&1
}

# The pins, with NVIDIA's onnxruntime-gpu in place of onnxruntime, which would shadow it.
write_pins() {
    local wheel
    GPU_RUNTIME=''
    cp "$SOURCE/$PINS" "$1"
    wheel=$(compgen -G "${OFFLINE:-/nowhere}/onnxruntime_gpu-*.whl" | head -n 1) || true
    if [ -n "$wheel" ]; then
        GPU_RUNTIME=$wheel
        sed -i "s#^onnxruntime==.*#onnxruntime-gpu#" "$1"
    elif [ "$IS_JETSON" = 1 ] && "$PYTHON" -c '
import glob, os, sys
sys.exit(not any(glob.glob(os.path.join(folder, "onnxruntime_gpu-*-info")) for folder in sys.path))' 2>/dev/null; then
        GPU_RUNTIME="the system's"
        sed -i '/^onnxruntime==/d' "$1"
    fi
}

step_program() {
    local wanted known
    wanted=$(program_hash)
    TEXT="thermoscreen $(sed -n "s/^__version__ = '\(.*\)'/\1/p" "$SOURCE/service/__init__.py"), and $ROOT/usr/local/bin/thermoscreen"
    known=$(remembered stamp program) || known=''
    if [ "$known" != "$wanted" ] || ! cli --version >/dev/null 2>&1; then
        hold_service
        remember stamp program unfinished
        act "install the program from $SOURCE" install_program
        remember stamp program "$wanted"
    fi
    put_text /usr/local/bin/thermoscreen 755 < <(launcher)
}

launcher() {
    printf '#!/bin/sh\n'
    if [ "$ARCHITECTURE" = aarch64 ]; then
        printf '# Without it, numpy on the Nano ends with "Illegal instruction".\nexport OPENBLAS_CORETYPE=ARMV8\n'
    fi
    printf 'exec %s/bin/thermoscreen "$@"\n' "$VENV"
}

source_files() {
    (cd "$SOURCE" && find setup.py setup.cfg README.md "${PACKAGES[@]}" -type f ! -path '*/__pycache__/*' -print0) \
        | LC_ALL=C sort -z
}

program_hash() { (cd "$SOURCE" && source_files | xargs -0 sha256sum; printf '%s\n' "${PYTHON_VERSION%.*}") | sha256sum | cut -d ' ' -f 1; }

# Built from a copy: pip leaves build/ and *.egg-info beside setup.py, and a checkout may be on a read-only medium.
install_program() {
    rm -rf "$WORK/source" "$WORK/wheel"
    mkdir "$WORK/source" "$WORK/wheel"
    (cd "$SOURCE" && source_files | tar --create --null --files-from=- --file=-) | tar --extract --directory="$WORK/source"
    quietly pip wheel --no-deps --no-index --no-build-isolation --wheel-dir "$WORK/wheel" "$WORK/source"
    quietly pip install --no-deps --no-index --force-reinstall "$WORK"/wheel/thermoscreen-*.whl
}

cli() { PYTHONDONTWRITEBYTECODE=1 "$ROOT$VENV/bin/thermoscreen" "$@"; }

# --fetch: collect the wheels for --offline, on a machine of the same kind with a network.
fetch_wheels() {
    local venv=$WORK/fetch
    mkdir -p "$FETCH"
    quietly "$PYTHON" -m venv "$venv"
    quietly "$venv/bin/python" -m pip --disable-pip-version-check install --requirement "$SOURCE/requirements/pip.txt"
    printf 'Fetching the pins of requirements/pip.txt and %s for Python %s on %s.\n' "$PINS" "$PYTHON_VERSION" "$(uname -m)"
    quietly "$venv/bin/python" -m pip --disable-pip-version-check wheel --wheel-dir "$FETCH" \
        --requirement "$SOURCE/requirements/pip.txt" --requirement "$SOURCE/$PINS"
    printf '%s wheels are in %s. On the board, run: install.sh --offline FOLDER\n' \
        "$(find "$FETCH" -name '*.whl' | wc -l)" "$FETCH"
}
