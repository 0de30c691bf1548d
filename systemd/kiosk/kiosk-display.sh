#!/usr/bin/env bash
# The X server of the kiosk, with a key that only the kiosk's account may read. Started by thermoscreen-display.service.
set -euo pipefail

COOKIE=${RUNTIME_DIRECTORY:-/run/thermoscreen-display}/cookie

umask 077
rm -f "$COOKIE"
touch "$COOKIE"
xauth -q -f "$COOKIE" add :0 . "$(mcookie)"
chgrp thermoscreen-kiosk "$COOKIE"
chmod 0640 "$COOKIE"

exec Xorg :0 vt7 -auth "$COOKIE" -nolisten tcp -noreset -background none
