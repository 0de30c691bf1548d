# shellcheck shell=bash
# The account that the service runs as, and the folders of the installation. Sourced by install.sh.

SERVICE_USER=thermoscreen
STATE=/var/lib/thermoscreen
ENGINES=$STATE/engines
EXAMS=$STATE/exams
# Key and certificate with which other machines may open the page.
TLS=$STATE/tls

# account NAME HOME GROUP...: a system account without login, in these groups.
account() {
    local name=$1 home=$2 group
    shift 2
    if ! getent passwd "$name" >/dev/null; then
        remember account "$name"
        act "make the account $name" useradd --system --user-group --no-create-home --home-dir "$home" --shell /usr/sbin/nologin "$name"
    fi
    # An account that --uninstall left with its exam data belongs to the installer again.
    if [ "$(getent passwd "$name" | cut -d : -f 6)" = "$home" ]; then
        remember account "$name"
    fi
    for group in "$@"; do
        getent group "$group" >/dev/null || fail "There is no group $group on this system."
        if ! id -nG "$name" 2>/dev/null | tr ' ' '\n' | grep -qx "$group"; then
            act "put $name into group $group" usermod --append --groups "$group" "$name"
        fi
    done
}

step_account() {
    if [ -n "$ROOT" ]; then
        skipped 'a staging root has no accounts'
        return
    fi
    account "$SERVICE_USER" "$STATE" video
    TEXT="$SERVICE_USER, in group video (cameras, GPU)"
}

step_folders() {
    local path
    put_folder /etc/thermoscreen 755
    put_folder "$VENV" 755
    put_folder "$STATE" 700 "$SERVICE_USER"
    for path in "$ENGINES" "$EXAMS" "$TLS"; do
        put_folder "$path" 700 "$SERVICE_USER"
    done
    TEXT="$ROOT$VENV, $ROOT$STATE, $ROOT/etc/thermoscreen"
}

# as_service COMMAND...: run as the service, so that files under /var/lib/thermoscreen belong to it.
as_service() {
    if [ -n "$ROOT" ] || [ "$(id -u)" != 0 ]; then
        "$@"
    else
        runuser -u "$SERVICE_USER" -- env HOME="$STATE" "$@"
    fi
}
