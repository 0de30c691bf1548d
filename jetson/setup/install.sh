#!/usr/bin/env bash
# Makes a station out of a flashed Jetson, or of a Debian or Ubuntu PC; see jetson/setup/README.md. For bash 4.4 and newer.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
# With it, cd goes elsewhere and prints where.
unset CDPATH

SETUP=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
SOURCE=${SETUP%/jetson/setup}
ROOT='' DRY_RUN=0 YES=0 ACTION=install OFFLINE='' FETCH='' BUNDLE='' CAMERA=sim KIOSK=auto ENGINE=1 PYTHON=''

usage() {
    cat <<'EOT'
Usage: sudo jetson/setup/install.sh [OPTION...]

Install thermoscreen on this machine: account, folders, virtual environment with pinned libraries, program, model
bundle, camera rules, units, engine, kiosk browser. Every step first checks whether it is done already, so the same
command continues after an interruption, and updates an installation.

  --dry-run          print every action, change nothing
  --root DIR         install under DIR instead of /: no accounts, nothing is started. The files refer to DIR, so it
                     runs from there. For trials and reviews, not for images of other machines.
  --offline WHEELS   take libraries from this folder and use no network
  --fetch WHEELS     only fill that folder, on a machine of the same kind with a network
  --bundle DIR       model bundle to install (default: the shipped one)
  --camera SPEC      camera of a new settings file (default: sim)
  --kiosk            show the station on the screen (default on a Jetson)
  --no-kiosk         leave the screen as it is
  --no-engine        compile no TensorRT engine; ONNX Runtime runs the model
  --python PROGRAM   interpreter to use (default: /usr/bin/python3)
  --uninstall        remove what was installed; exam data stays
  --yes              ask no questions
  --help             show this page

Examples:
  sudo jetson/setup/install.sh
  sudo jetson/setup/install.sh --offline /media/usb/wheels --yes
  jetson/setup/install.sh --root /tmp/station --dry-run
EOT
}

while [ $# -gt 0 ]; do
    case $1 in
        --dry-run) DRY_RUN=1 ;;
        --yes) YES=1 ;;
        --uninstall) ACTION=uninstall ;;
        --kiosk) KIOSK=1 ;;
        --no-kiosk) KIOSK=0 ;;
        --no-engine) ENGINE=0 ;;
        -h | --help) usage; exit 0 ;;
        --root | --offline | --fetch | --bundle | --camera | --python)
            if [ $# -lt 2 ] || [ -z "$2" ]; then
                printf 'install.sh: %s needs a value. See install.sh --help.\n' "$1" >&2
                exit 2
            fi
            case $1 in
                --root) ROOT=$2 ;;
                --offline) OFFLINE=$2 ;;
                --fetch) FETCH=$2 ACTION=fetch ;;
                --bundle) BUNDLE=$2 ;;
                --camera) CAMERA=$2 ;;
                --python) PYTHON=$2 ;;
            esac
            shift
            ;;
        *)
            printf 'install.sh: unknown option %s. See install.sh --help.\n' "$1" >&2
            exit 2
            ;;
    esac
    shift
done

. "$SETUP/lib/say.sh"
. "$SETUP/lib/files.sh"
. "$SETUP/lib/machine.sh"
. "$SETUP/lib/accounts.sh"
. "$SETUP/lib/python.sh"
. "$SETUP/lib/station.sh"
. "$SETUP/lib/units.sh"
. "$SETUP/lib/kiosk.sh"
. "$SETUP/lib/uninstall.sh"

check_options() {
    case $CAMERA in *[\"\\]* | *$'\n'*) usage_error 'A camera specification contains no quotation marks or backslashes.' ;; esac
    if [ -n "$OFFLINE" ]; then
        [ -d "$OFFLINE" ] || usage_error "$OFFLINE is not a folder; --offline needs one with wheels."
        OFFLINE=$(cd -- "$OFFLINE" && pwd)
        FROM=(--no-index --find-links "$OFFLINE")
    fi
    [ -z "$BUNDLE" ] || [ -f "$BUNDLE/manifest.json" ] || usage_error "$BUNDLE is not a bundle; --bundle needs the folder of one."
    [ -z "$ROOT" ] || check_root
    if [ -z "$PYTHON" ]; then
        # TensorRT is installed for the system's Python only, not for one that comes earlier in PATH.
        PYTHON=python3
        [ ! -x /usr/bin/python3 ] || PYTHON=/usr/bin/python3
    fi
}

check_root() {
    case $ROOT in
        /*) ;;
        *) ROOT=$PWD/$ROOT ;;
    esac
    # Units and the first line of scripts cannot contain a path with blanks.
    [[ $ROOT =~ ^[A-Za-z0-9._/+-]+$ ]] || usage_error '--root needs a path of letters, digits and . _ + - only.'
    ROOT=$(realpath -m "$ROOT")
    [ "$ROOT" != / ] || ROOT=''
    [ -z "$ROOT" ] || [ "$DRY_RUN" = 1 ] || mkdir -p "$ROOT"
}

install_all() {
    printf 'Installing thermoscreen from %s on %s%s\n' "$SOURCE" "${ROOT:-this machine}" "$([ "$DRY_RUN" = 0 ] || printf ' (dry run: nothing is changed)')"
    confirm 'Install thermoscreen on this machine?'
    step machine step_machine
    step rights step_rights
    step memory step_memory
    step disk step_disk
    step power step_power
    step python step_python
    step account step_account
    step folders step_folders
    step environment step_environment
    step libraries step_libraries
    step program step_program
    step settings step_settings
    step bundle step_bundle
    step cameras step_cameras
    step system step_system
    step units step_units
    step kiosk step_kiosk
    step engine step_engine
    step self-test step_selftest
    step start step_start
    summary
}

summary() {
    local line
    for line in "${NOTES[@]}"; do
        printf 'Note: %s\n' "$line"
    done
    if [ "$DRY_RUN" = 1 ]; then
        printf 'Nothing was changed.\n'
        return
    fi
    [ "$ANY_CHANGE" = 1 ] || printf 'Everything is up to date; nothing was changed.\n'
    if [ -n "$ROOT" ]; then
        printf 'To start it:  %s/bin/thermoscreen serve --settings %s\n' "$ROOT$VENV" "$ROOT$SETTINGS"
        printf 'To undo it:   jetson/setup/install.sh --root %s --uninstall\n' "$ROOT"
    else
        printf 'The page is http://127.0.0.1:8080 on this machine; the log is: journalctl -u thermoscreen\n'
        printf 'To undo it:   sudo jetson/setup/install.sh --uninstall   (exam data in %s stays)\n' "$STATE"
    fi
    printf 'List of installed files: %s\n' "$ROOT$MANIFEST"
    if [ "$PROBLEMS" != 0 ]; then
        printf 'install.sh: Installed, but the self-test found a problem; see above for what to do.\n' >&2
        exit 1
    fi
}

umask 022
unset PYTHONHOME PYTHONPATH VIRTUAL_ENV
export PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# The output of other programs is parsed, so it must be in one language.
export LC_ALL=C.UTF-8
FROM=() LEFT=() UNITS_CHANGED=0 KIOSK_READY=0 HELD=0 PROBLEMS=0
check_options
WITH_SETTINGS=(--settings "$ROOT$SETTINGS")
WORK=$(mktemp -d "${TMPDIR:-/tmp}/thermoscreen-install.XXXXXX")
# The account of the service reads a copy of the bundle in it.
chmod 755 "$WORK"
trap 'finish $? "$BASH_COMMAND"' EXIT
trap 'fail "It was interrupted."' INT TERM HUP
: >"$WORK/log"

if [ "$DRY_RUN" = 0 ] && [ "$ACTION" != fetch ]; then
    exec 9<"${ROOT:-/}"
    flock --nonblock 9 || usage_error "Another install.sh is running on ${ROOT:-/}; wait until it has ended."
fi
read_manifest
look_at_machine
case $ACTION in
    install) install_all ;;
    uninstall) uninstall ;;
    fetch) step python step_python; fetch_wheels ;;
esac
