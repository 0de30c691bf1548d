# shellcheck shell=bash
# Whether this machine is suitable: board, rights, memory, disk, power mode, Python. Sourced by install.sh.
# THERMOSCREEN_MACHINE: a folder that stands for / when the machine is examined (tests).

MACHINE_ROOT=${THERMOSCREEN_MACHINE:-/}
MIN_MEMORY_MIB=900
SMALL_MEMORY_MIB=1800
# The libraries and the program take 500 MiB on x86-64; pip needs space to unpack as well.
NEEDED_DISK_MIB=1200

# What cannot be read stays unknown: an unknown board or release is no reason to stop.
look_at_machine() {
    ARCHITECTURE=$(uname -m)
    BOARD=unknown L4T=unknown JETPACK=unknown POWER_MODE=unknown IS_JETSON=0
    local facts
    facts=$(PYTHONPATH=$SOURCE PYTHONDONTWRITEBYTECODE=1 "$PYTHON" -c '
import sys
from service.machine import board_facts
facts = board_facts(sys.argv[1])
for name in ("board", "l4t", "jetpack", "power_mode"):
    print(str(facts[name]).replace("\n", " "))' "$MACHINE_ROOT" 2>/dev/null) || facts=''
    if [ -n "$facts" ]; then
        { read -r BOARD; read -r L4T; read -r JETPACK; read -r POWER_MODE; } <<<"$facts"
        [ "$L4T" = none ] || IS_JETSON=1
    fi
    # On the Nano, numpy 1.19.5 ends with "Illegal instruction" unless this is set before Python starts.
    [ "$ARCHITECTURE" != aarch64 ] || export OPENBLAS_CORETYPE=ARMV8
}

step_machine() {
    if [ "$IS_JETSON" = 1 ]; then
        fine "$BOARD, L4T $L4T, JetPack $JETPACK, $ARCHITECTURE"
        [ "$L4T" != unknown ] || note 'This L4T release is unknown to the installer; what the board can do is asked of its libraries.'
    else
        fine "$BOARD, $ARCHITECTURE: not a Jetson, so ONNX Runtime runs the model"
    fi
    case $ARCHITECTURE in
        x86_64 | aarch64) ;;
        *) note "$ARCHITECTURE is untested; the libraries may have no wheels for it." ;;
    esac
    [ "$ARCHITECTURE" != aarch64 ] || TEXT="$TEXT, OPENBLAS_CORETYPE=ARMV8"
}

step_rights() {
    if [ -n "$ROOT" ]; then
        skipped 'a staging root needs no root rights'
    elif [ "$(id -u)" = 0 ]; then
        fine 'root'
    elif [ "$DRY_RUN" = 1 ]; then
        skipped 'a dry run needs no root rights; the installation does'
    else
        fail 'Root rights are needed: sudo jetson/setup/install.sh.'
    fi
}

step_memory() {
    local memory swap
    memory=$(mebibytes MemTotal)
    swap=$(mebibytes SwapTotal)
    if [ -z "$memory" ]; then
        skipped 'this machine does not report it'
        return
    fi
    fine "$memory MiB, swap ${swap:-0} MiB"
    if [ "$memory" -lt "$MIN_MEMORY_MIB" ]; then
        note "$memory MiB of memory are little: the service takes 250 MB, and building an engine far more."
    elif [ "$IS_JETSON" = 1 ] && [ "$memory" -lt $((2 * SMALL_MEMORY_MIB)) ] && [ "${swap:-0}" -lt "$SMALL_MEMORY_MIB" ]; then
        note 'With so little memory and swap, the kernel may kill the build of an engine; a swap file of 4 GB helps.'
    fi
}

mebibytes() { awk -v name="$1:" '$1 == name { print int($2 / 1024) }' "$MACHINE_ROOT/proc/meminfo" 2>/dev/null || true; }

step_disk() {
    local folder=$ROOT/opt free
    until [ -d "$folder" ]; do folder=$(dirname "$folder"); done
    free=$(df -Pm "$folder" | awk 'NR == 2 { print $4 }')
    fine "$free MiB free at $folder"
    # An existing installation needs no further space.
    if [ "$free" -lt "$NEEDED_DISK_MIB" ] && [ ! -x "$ROOT$VENV/bin/thermoscreen" ]; then
        fail "Only $free MiB are free at $folder and $NEEDED_DISK_MIB MiB are needed; free some space."
    fi
    if [ -d "$folder" ] && [ "$DRY_RUN" = 0 ] && [ ! -w "$folder" ]; then
        fail "$folder cannot be written to; is the disk mounted read-only?"
    fi
}

step_power() {
    if [ "$IS_JETSON" = 0 ]; then
        skipped 'not a Jetson'
        return
    fi
    fine "$POWER_MODE"
    case $POWER_MODE in
        5W) note 'The board is in power mode 5W, with two cores off. Choose MAXN, which survives restarts: sudo nvpmodel -m 0' ;;
        unknown) note 'The power mode cannot be read; sudo nvpmodel -q should show MAXN.' ;;
    esac
}

step_python() {
    command -v "$PYTHON" >/dev/null || fail "$PYTHON is missing: sudo apt-get install python3 python3-venv."
    PINS=$(PYTHONDONTWRITEBYTECODE=1 "$PYTHON" "$SOURCE/requirements/choose.py" 2>&1) || fail "$PINS"
    PYTHON_VERSION=$("$PYTHON" -c 'import ensurepip, sys, venv; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null) \
        || fail "$PYTHON cannot make virtual environments: sudo apt-get install python3-venv."
    fine "Python $PYTHON_VERSION ($PYTHON), pins of $PINS"
}
