# shellcheck shell=bash
# --uninstall: remove exactly what the manifest lists; exam data stays. Sourced by install.sh.

# Files of the service beside exam data that are useless without it. Bundle and engines have lines of their own.
KEPT_BY_SERVICE=(starts.json alive.json bundle-history.json)

# Of thermoscreen-audit.service, which makes it.
SIGNER=/var/lib/thermoscreen-audit

uninstall() {
    if [ ! -f "$ROOT$MANIFEST" ]; then
        printf 'Nothing is installed under %s: %s does not exist.\n' "${ROOT:-/}" "$ROOT$MANIFEST"
        return
    fi
    confirm "Remove thermoscreen from this machine? Exam data in $STATE stays."
    [ -n "$ROOT" ] || [ "$DRY_RUN" = 1 ] || [ "$(id -u)" = 0 ] || fail 'Root rights are needed: sudo.'
    step services remove_services
    step files remove_files
    step trees remove_trees
    step accounts remove_accounts
    step folders remove_folders
    say_what_stays
}

remove_services() {
    local unit before
    if [ -n "$ROOT" ] || ! command -v systemctl >/dev/null; then
        skipped 'nothing was started from here'
        return
    fi
    for unit in $(names_of file | grep -Eo "^$UNITS/thermoscreen[^/]*\.(service|socket)\$" || true); do
        if systemd_runs; then
            act "stop ${unit##*/}" quietly systemctl stop "${unit##*/}"
        fi
    done
    for unit in $(names_of unit); do
        act "disable $unit" quietly systemctl disable "$unit"
    done
    if before=$(remembered was default-target); then
        act "start the machine into $before again" quietly systemctl set-default "$before"
    fi
    TEXT='stopped and disabled'
}

# Settings that were changed by hand no longer belong to the installer.
remove_files() {
    local path count=0
    for path in $(names_of file); do
        [ -e "$ROOT$path" ] || continue
        if [ "$path" = "$SETTINGS" ] && [ "$(sha256_of "$ROOT$path")" != "$(remembered file "$path")" ]; then
            LEFT+=("$ROOT$path (changed by hand)")
            continue
        fi
        act "remove $ROOT$path" rm -f "$ROOT$path"
        count=$((count + 1))
    done
    if [ -z "$ROOT" ] && [ "$CHANGED" = 1 ]; then
        ! systemd_runs || act "reload the systemd units" systemctl daemon-reload
        [ ! -S /run/udev/control ] || act "reload the udev rules" udevadm control --reload
    fi
    TEXT="$count files of the manifest"
}

remove_trees() {
    local path
    for path in $(names_of tree) "$BUNDLE_FOLDER.previous" "$ENGINES" "$TLS"; do
        [ ! -e "$ROOT$path" ] || act "remove $ROOT$path with everything in it" rm -rf "$ROOT$path"
    done
    for path in "${KEPT_BY_SERVICE[@]}"; do
        [ ! -e "$ROOT$STATE/$path" ] || act "remove $ROOT$STATE/$path" rm -f "$ROOT$STATE/$path"
    done
    TEXT='the virtual environment, the bundle, the engines and the certificate'
}

# Last, because an interrupted uninstallation still needs the manifest.
remove_folders() {
    local path folders
    # Subfolders are removed before their parents.
    folders=$(names_of folder | LC_ALL=C sort -r)
    act "remove $ROOT$MANIFEST" rm -f "$ROOT$MANIFEST"
    WRITTEN=()
    # The folder of exam data may be older than this installation.
    for path in $folders "$STATE"; do
        act_on_empty "$ROOT$path"
    done
    TEXT='the manifest and empty folders'
}

# act_on_empty FOLDER: remove it if it is empty.
act_on_empty() {
    if [ -d "$1" ] && [ -z "$(ls -A "$1")" ]; then
        act "remove the empty folder $1" rmdir "$1"
    fi
}

# An account whose files stay is kept: otherwise its number, and the files with it, would go to the next new account.
remove_accounts() {
    local name
    if [ -n "$ROOT" ]; then
        skipped 'none was created'
        return
    fi
    for name in $(names_of account); do
        getent passwd "$name" >/dev/null || continue
        if [ "$name" = "$SERVICE_USER" ] && [ -n "$(ls -A "$STATE" 2>/dev/null)" ]; then
            LEFT+=("account $name, the owner of $STATE")
            continue
        fi
        act "remove the account $name" quietly userdel "$name"
    done
    TEXT='accounts that own no files any more'
}

say_what_stays() {
    local line
    if [ "$DRY_RUN" = 1 ]; then
        printf 'Nothing was changed. Exam data in %s would stay.\n' "$ROOT$STATE"
        return
    fi
    if [ -d "$ROOT$STATE" ]; then
        LEFT+=("$ROOT$STATE: exam data, $(find "$ROOT$STATE" -type f | wc -l) files, $(du -sh "$ROOT$STATE" | cut -f 1)")
    fi
    [ -n "$ROOT" ] || [ ! -d "$SIGNER" ] || LEFT+=("$SIGNER: the key that signed the audit log of these exams")
    [ "${#LEFT[@]}" != 0 ] || printf 'Nothing of thermoscreen is left under %s.\n' "${ROOT:-/}"
    for line in "${LEFT[@]}"; do
        printf 'Kept: %s\n' "$line"
    done
    [ ! -d "$ROOT$STATE" ] || printf 'Back it up before you delete it; a new installation uses it again.\n'
}
