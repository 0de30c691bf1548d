# shellcheck shell=bash
# udev rules and systemd units: put in place, enabled, started. Sourced by install.sh.

UNITS=/etc/systemd/system
# The drop-ins in systemd/newer/ hold what the systemd of JetPack 4.6 (237) does not know.
NEWER_SYSTEMD=240

systemd_version() { systemctl --version 2>/dev/null | awk 'NR == 1 { print int($2) }'; }
systemd_runs() { [ -z "$ROOT" ] && [ -d /run/systemd/system ]; }

step_cameras() {
    local rule
    for rule in "$SOURCE"/systemd/udev/*.rules; do
        put_file "$rule" "/etc/udev/rules.d/${rule##*/}" 644
    done
    TEXT="$ROOT/etc/udev/rules.d: thermal cameras belong to group video, memory sticks are mounted in /media"
    if [ "$CHANGED" = 1 ] && [ -z "$ROOT" ] && [ -S /run/udev/control ]; then
        act "reload the udev rules" udevadm control --reload
        act "apply them to the connected devices" udevadm trigger --subsystem-match=video4linux --subsystem-match=tty --subsystem-match=usb
    fi
}

# Log limits, watchdogs of kernel and systemd, kernel modules: files of the whole machine.
step_system() {
    local path folder
    for path in "$SOURCE"/systemd/journald.conf.d/*.conf "$SOURCE"/systemd/machine/*.d/*.conf; do
        folder=$(basename "$(dirname "$path")")
        case $folder in
            *.conf.d) put_file "$path" "/etc/systemd/$folder/${path##*/}" 644 ;;
            *) put_file "$path" "/etc/$folder/${path##*/}" 644 ;;
        esac
    done
    TEXT='log limits, watchdogs, kernel module for cameras'
    if [ "$CHANGED" = 1 ] && [ -z "$ROOT" ]; then
        note 'Log limits, watchdogs and kernel settings take effect at the next start of the machine.'
    fi
}

step_units() {
    local path version count=0
    while IFS= read -r path; do
        put_file "$SOURCE/systemd/$path" "$UNITS/$path" 644
        count=$((count + 1))
    done < <(unit_files "$SOURCE/systemd")
    version=$(systemd_version)
    TEXT="$count units in $ROOT$UNITS"
    if [ "${version:-0}" -ge "$NEWER_SYSTEMD" ]; then
        while IFS= read -r path; do
            put_file "$SOURCE/systemd/newer/$path" "$UNITS/$path" 644
        done < <(unit_files "$SOURCE/systemd/newer")
        TEXT="$TEXT, with the options that systemd $version adds to 237"
    fi
    open_unit
    [ "$CHANGED" = 0 ] || UNITS_CHANGED=1
}

# Where the settings open the page to other machines, systemd lets their packets through; otherwise this machine's alone.
open_unit() {
    local path=$UNITS/thermoscreen.service.d/open.conf
    [ -x "$ROOT$VENV/bin/thermoscreen" ] || return 0
    if [ -n "$(setting open_at)" ]; then
        printf '# open_at is set: other machines may open the page, over TLS.\n[Service]\nIPAddressAllow=any\n' | put_text "$path" 644
    elif [ -e "$ROOT$path" ]; then
        act "remove $ROOT$path" rm -f "$ROOT$path"
    fi
}

# unit_files FOLDER: its units and their drop-ins, relative to it.
unit_files() {
    [ -d "$1" ] || return 0
    (cd "$1" && find . -mindepth 1 -maxdepth 2 -type f \
        \( -path './*.service.d/*.conf' -o ! -path './*/*' \
        \( -name '*.service' -o -name '*.timer' -o -name '*.target' -o -name '*.socket' -o -name '*.path' \) \) \
        -printf '%P\n') | LC_ALL=C sort
}

# Units that start with the machine have an [Install] section.
step_start() {
    local unit
    if [ -n "$ROOT" ]; then
        skipped 'nothing is started from a staging root'
        return
    fi
    if ! command -v systemctl >/dev/null; then
        skipped 'no systemd: start thermoscreen serve by hand'
        return
    fi
    while IFS= read -r unit; do
        if ! systemctl is-enabled --quiet "$unit" 2>/dev/null; then
            remember unit "$unit"
            act "enable $unit" quietly systemctl enable "$unit"
        fi
    done < <(units_to_enable)
    take_the_screen
    if ! systemd_runs; then
        TEXT='enabled; systemd is not running, so they start with the machine'
        return
    fi
    if [ "$UNITS_CHANGED" = 1 ] || [ "$(systemctl show --property NeedDaemonReload --value thermoscreen)" = yes ]; then
        act "reload the systemd units" systemctl daemon-reload
    fi
    if [ "$ANY_CHANGE" = 1 ] || [ "$HELD" = 1 ] || ! systemctl is-active --quiet thermoscreen.service; then
        act "start thermoscreen.service" quietly systemctl restart thermoscreen.service
    fi
    if [ "$KIOSK_READY" = 1 ] && { [ "$UNITS_CHANGED" = 1 ] || ! systemctl is-active --quiet thermoscreen-kiosk.service; }; then
        note 'The kiosk appears at the next start of the machine. To show it now: sudo systemctl isolate multi-user.target'
    fi
    TEXT='thermoscreen.service is running and starts with the machine'
}

units_to_enable() {
    local path
    names_of file | grep "^$UNITS/[^/]*\$" | LC_ALL=C sort | while IFS= read -r path; do
        [ ! -f "$path" ] || ! grep -q '^\[Install\]' "$path" || printf '%s\n' "${path##*/}"
    done
}

# The service must not run with half of a new program.
hold_service() {
    if systemd_runs && systemctl is-active --quiet thermoscreen.service; then
        HELD=1
        act "stop thermoscreen.service during the update" quietly systemctl stop thermoscreen.service
    fi
}
