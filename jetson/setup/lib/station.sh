# shellcheck shell=bash
# Settings, bundle, engine and self-test. Sourced by install.sh.

SETTINGS=/etc/thermoscreen/settings.toml
BUNDLE_FOLDER=$STATE/bundle
# Of systemd/thermoscreen-audit.socket.
AUDIT_SOCKET=/run/thermoscreen-audit.socket

step_settings() {
    TEXT="$ROOT$SETTINGS"
    if [ -e "$ROOT$SETTINGS" ]; then
        TEXT="$TEXT, left as it is"
    else
        put_text "$SETTINGS" 644 < <(settings_text)
    fi
    [ "$DRY_RUN" = 1 ] || quietly cli settings --settings "$ROOT$SETTINGS"
    if grep -q '^camera = "sim' "$ROOT$SETTINGS" 2>/dev/null; then
        note "The camera is simulated; set camera in $ROOT$SETTINGS to the real one."
    fi
    if [ -z "$ROOT" ] && [ "$DRY_RUN" = 0 ] && [ "$(setting exams_folder)" != "$EXAMS" ]; then
        note "Exams are not kept in $EXAMS, since $SETTINGS says otherwise; the signer of the audit log looks there (docs/protection.md)."
    fi
}

# A new settings file. A staging root is for trials: nobody logs in there, and nothing signs.
settings_text() {
    cat <<EOT
# Settings of this station. All keys:  thermoscreen settings --reference
# Check this file:                     thermoscreen settings --settings $SETTINGS
# After a change:                      sudo systemctl restart thermoscreen
# What supervisors change on the page comes before it, and is in $EXAMS.settings.toml.

[camera]
# sim is the simulated camera.
camera = "$CAMERA"

[model]
bundle = "$BUNDLE_FOLDER"
engines = "$ENGINES"

[web]
# Other machines get no answer. Before you open the page to them, read SECURITY.md, make a certificate with
#   sudo -u $SERVICE_USER thermoscreen certificate make --settings $SETTINGS
# and run install.sh again afterwards.
# open_at = "0.0.0.0:8443"
certificate = "$TLS/station.crt"
certificate_key = "$TLS/station.key"
EOT
    [ -z "$ROOT" ] || return 0
    printf '\n[exams]\nexams_folder = "%s"\n' "$EXAMS"
    ! command -v systemctl >/dev/null || printf 'audit_signer = "%s"\n' "$AUDIT_SOCKET"
}

# A bundle that was installed by hand is kept unless --bundle replaces it.
step_bundle() {
    local source=${BUNDLE:-$SOURCE/service/bundles/phantom-fpn} target=$ROOT$BUNDLE_FOLDER known
    if cmp -s "$source/manifest.json" "$target/manifest.json" && bundle_verifies; then
        TEXT=$BUNDLE_TEXT
        return
    fi
    known=$(remembered stamp bundle) || known=''
    if [ -z "$BUNDLE" ] && [ -f "$target/manifest.json" ] && [ "$known" != "$(sha256_of "$target/manifest.json")" ] \
        && bundle_verifies; then
        TEXT="$BUNDLE_TEXT It is not the shipped one and is kept."
        return
    fi
    remember tree "$BUNDLE_FOLDER"
    # A copy that the account of the service can read, wherever the original is.
    rm -rf "$WORK/bundle"
    cp -R "$source" "$WORK/bundle" || fail "$source cannot be read; name a bundle with --bundle."
    chmod -R a+rX "$WORK/bundle"
    # The audit log is written by one process.
    hold_service
    act "verify $source and install it in $target" quietly as_service "$ROOT$VENV/bin/thermoscreen" bundle install "$WORK/bundle" --to "$target" --unattended "${WITH_SETTINGS[@]}"
    TEXT="$source in $target"
    [ "$DRY_RUN" = 0 ] || return 0
    remember stamp bundle "$(sha256_of "$target/manifest.json")"
    bundle_verifies || fail "The installed bundle does not verify: $(last_line)."
    TEXT=$BUNDLE_TEXT
}

bundle_verifies() {
    local lines
    [ -x "$ROOT$VENV/bin/thermoscreen" ] || return 1
    lines=$(cli bundle verify "$ROOT$BUNDLE_FOLDER" "${WITH_SETTINGS[@]}" 2>>"$WORK/log") || return 1
    BUNDLE_TEXT="$(head -n 1 <<<"$lines") Its signature and all hashes were verified."
}

# setting NAME: its value in the settings of the station, which are read once: a start of the program takes seconds on a Nano.
setting() {
    [ -s "$WORK/settings.json" ] || cli settings --json "${WITH_SETTINGS[@]}" >"$WORK/settings.json" || return
    "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin).get(sys.argv[1], ""))' "$1" <"$WORK/settings.json"
}

# An engine makes the station faster and nothing else, so one that cannot be built does not end the installation.
step_engine() {
    local bundle status=0
    if [ "$ENGINE" = 0 ]; then
        skipped '--no-engine: ONNX Runtime runs the model'
        return
    fi
    if ! has_module "$PYTHON" tensorrt; then
        skipped 'no TensorRT: ONNX Runtime runs the model on the CPU'
        return
    fi
    if [ "$DRY_RUN" = 1 ]; then
        act "run thermoscreen compile on the bundle" :
        return
    fi
    bundle=$(setting bundle)
    say 'TensorRT compiles the model for this board and proves it; the first time takes minutes'
    act 'compile' show_compile "$bundle" || status=$?
    if [ "$status" != 0 ]; then
        CHANGED=0 VERDICT='problems' TEXT='no engine could be built; ONNX Runtime runs the model'
        note "No engine could be built, so ONNX Runtime runs the model. $(last_line | sed 's/^thermoscreen: //') To try again: thermoscreen compile $bundle ${WITH_SETTINGS[*]}"
        return
    fi
    TEXT="$(grep -m 1 -E ' (is ready|was there already) in ' "$WORK/engine" 2>/dev/null || true)"
    [[ $TEXT != *'was there already'* ]] || CHANGED=0
}

show_compile() {
    local status=0
    as_service "$ROOT$VENV/bin/thermoscreen" compile "$1" "${WITH_SETTINGS[@]}" 2>&1 \
        | tee "$WORK/engine" | sed 's/^/        /' || status=$?
    cat "$WORK/engine" >>"$WORK/log"
    [ "$status" -le 128 ] || printf 'The compiler was ended by signal %d.\n' $((status - 128)) | tee -a "$WORK/log" | sed 's/^/        /'
    return "$status"
}

# Problems of the doctor do not undo an installation, but give exit code 1; a model without a result ends it.
step_selftest() {
    local status=0
    if [ "$DRY_RUN" = 1 ]; then
        VERDICT='would do' TEXT='thermoscreen doctor, and the golden thermogram analysed'
        return
    fi
    (cd "$ROOT$STATE" && as_service env PYTHONDONTWRITEBYTECODE=1 "$ROOT$VENV/bin/thermoscreen" doctor "${WITH_SETTINGS[@]}") \
        >"$WORK/doctor" 2>&1 || status=$?
    sed 's/^/        /' "$WORK/doctor"
    case $status in
        0) ;;
        1) PROBLEMS=1 ;;
        *) fail "The doctor ended with $status: $(tail -n 1 "$WORK/doctor")" ;;
    esac
    analyse_golden
    fine "$TEXT"
    [ "$PROBLEMS" = 0 ] || VERDICT='problems'
}

analyse_golden() {
    local bundle
    bundle=$(setting bundle)
    rm -rf "$WORK/golden"
    mkdir "$WORK/golden"
    # An .npz is a ZIP of .npy files.
    quietly "$ROOT$VENV/bin/python" -B -c 'import sys, zipfile
open(sys.argv[2], "wb").write(zipfile.ZipFile(sys.argv[1]).read("thermogram.npy"))' "$bundle/golden.npz" "$WORK/golden/golden.npy"
    cli analyse "$WORK/golden/golden.npy" --scale centikelvin --out "$WORK/golden/results" "${WITH_SETTINGS[@]}" \
        >"$WORK/golden/said" 2>&1 || fail "The golden thermogram gave no result: $(tail -n 1 "$WORK/golden/said")"
    # Notes about the model that runs stand before it.
    TEXT="golden thermogram: $(sed -n '/golden\.npy -> /{n;s/^ *//p;q}' "$WORK/golden/said")"
}
