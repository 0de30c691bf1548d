# shellcheck shell=bash
# The kiosk browser: account, scripts, Chromium's policy, units, and the screen. Sourced by install.sh.

KIOSK_USER=thermoscreen-kiosk
KIOSK_SCRIPTS=/usr/local/lib/thermoscreen
# Chromium of Debian, Chromium of Ubuntu, and Google Chrome.
POLICY_FOLDERS=(/etc/chromium/policies/managed /etc/chromium-browser/policies/managed /etc/opt/chrome/policies/managed)
# URLAllowlist and URLBlocklist have these names since Chromium 86.
MIN_CHROMIUM=86

step_kiosk() {
    local reason folder path
    if [ "$KIOSK" = auto ]; then
        KIOSK=$IS_JETSON
        [ -z "$ROOT" ] || KIOSK=0
    fi
    if [ "$KIOSK" = 0 ]; then
        skipped 'the screen stays as it is; --kiosk shows the station on it'
        return
    fi
    if [ -z "$ROOT" ]; then
        reason=$(kiosk_lacks)
        if [ -n "$reason" ]; then
            skipped "$reason"
            note "No kiosk browser: $reason"
            return
        fi
        account "$KIOSK_USER" /nonexistent
    fi
    for path in "$SOURCE"/systemd/kiosk/*.sh; do
        put_file "$path" "$KIOSK_SCRIPTS/${path##*/}" 755
    done
    for folder in "${POLICY_FOLDERS[@]}"; do
        put_file "$SOURCE/systemd/kiosk/policy.json" "$folder/thermoscreen.json" 644
    done
    put_file "$SOURCE/systemd/kiosk/xorg.conf" /etc/X11/xorg.conf.d/50-thermoscreen.conf 644
    while IFS= read -r path; do
        put_file "$SOURCE/systemd/kiosk/$path" "$UNITS/$path" 644
    done < <(unit_files "$SOURCE/systemd/kiosk")
    [ "$CHANGED" = 0 ] || UNITS_CHANGED=1
    KIOSK_READY=1
    if [ -z "$ROOT" ] && command -v fc-list >/dev/null && [ -z "$(fc-list :lang=zh-cn)" ]; then
        note 'No font has Chinese letters; numbers stand in the place of such names: sudo apt-get install fonts-droid-fallback'
    fi
    TEXT="Chromium on its own X server, locked to the page"
}

# Why the kiosk cannot be installed; nothing where it can.
kiosk_lacks() {
    local browser version
    if ! command -v Xorg >/dev/null || ! command -v xauth >/dev/null || ! command -v xset >/dev/null; then
        printf 'Xorg, xauth or xset is missing: sudo apt-get install xserver-xorg-core xauth x11-xserver-utils'
        return
    fi
    browser=$(command -v chromium-browser || command -v chromium || command -v google-chrome) || {
        printf 'Chromium is missing: sudo apt-get install chromium-browser (Debian: chromium)'
        return
    }
    if [[ $(readlink -f "$browser") == */snap/* ]] || grep -qs '/snap/' "$browser"; then
        printf '%s is a snap, which does not run for an account without a home; a Chromium package is needed' "$browser"
        return
    fi
    version=$("$browser" --version 2>/dev/null | grep -o '[0-9]\+' | head -n 1)
    if [ "${version:-0}" -lt "$MIN_CHROMIUM" ]; then
        printf '%s is version %s and the policy needs %d: sudo apt-get install --only-upgrade chromium-browser' \
            "$browser" "${version:-unknown}" "$MIN_CHROMIUM"
    fi
}

# Desktop and kiosk cannot share the screen: the machine no longer starts into the graphical target.
take_the_screen() {
    local before
    [ "$KIOSK_READY" = 1 ] || return 0
    before=$(systemctl get-default)
    [ "$before" != multi-user.target ] || return 0
    remember was default-target "$before"
    act "start the machine without a desktop" quietly systemctl set-default multi-user.target
}
