#!/usr/bin/env bash
# Shows the page of the station and nothing else: waits for display and page, starts Chromium, and ends when Chromium
# ends, has lost its page, or when the service says that the screen stands still. thermoscreen-kiosk.service starts it
# again, and the display too where it ends with 4. What the browser may do is in policy.json.
set -euo pipefail

URL=${KIOSK_URL:-http://127.0.0.1:8080/}
# In memory (/run), so that nothing of a patient outlives the browser on disk.
PROFILE=${KIOSK_PROFILE:-${RUNTIME_DIRECTORY:-/run/thermoscreen-kiosk}/profile}
LOOK_S=${KIOSK_LOOK_S:-2}
SCREEN_S=${KIOSK_SCREEN_S:-5}
ASK_S=${KIOSK_ASK_S:-0.5}

HOST=${URL#http://}
HOST=${HOST%%/*}
LOOPBACK='^http://(127\.0\.0\.1|localhost):[0-9]+/'
if ! [[ $URL =~ $LOOPBACK ]]; then
    printf 'The kiosk shows pages of this machine only, such as http://127.0.0.1:8080/, and not %s.\n' "$URL" >&2
    exit 2
fi

# Whether a path answers, if only with where to go on, as the page does to nobody: 303, to the login. BODY has the first
# line of the answer then. No curl: a fresh board need not have it.
answers() {
    local status='' line
    BODY=''
    {
        exec 3<>"/dev/tcp/${HOST%:*}/${HOST##*:}" || return 1
        printf 'GET /%s HTTP/1.0\r\nHost: %s\r\n\r\n' "$1" "$HOST" >&3
        IFS= read -r -t 5 status <&3
        while IFS= read -r -t 5 line <&3 && [ -n "${line%$'\r'}" ]; do :; done
        IFS= read -r -t 5 BODY <&3 || true
        exec 3<&- 3>&-
    } 2>/dev/null || return 1
    [[ $status == 'HTTP/1.'?' '[23]?? || $status == 'HTTP/1.'?' '[23]??' '* ]]
}

page_answers() { answers "${URL#*://*/}"; }

display_answers() { xset q >/dev/null 2>&1; }

wait_for() {
    local waited=0
    until "$2"; do
        ((waited % 60)) || printf 'Waiting for the %s.\n' "$1"
        waited=$((waited + 1))
        sleep "$ASK_S"
    done
}

screen_size() { xrandr 2>/dev/null | sed -n 's/.* current \([0-9]*\) x \([0-9]*\),.*/\1,\2/p' | head -n 1; }

# Whether a process that draws a page is left. When memory runs out the kernel ends that one; Chromium itself lives on
# and shows a sad face to which nobody here can answer.
page_is_drawn() {
    local file words
    for file in /proc/[0-9]*/cmdline; do
        words=$([ ! -O "$file" ] || tr '\0' ' ' <"$file" 2>/dev/null) || continue
        if [[ $words == *' --type=renderer '* && $words == *" --user-data-dir=$PROFILE "* ]]; then
            return 0
        fi
    done
    return 1
}

# Features of Chromium that are off: one list, since a second --disable-features takes the place of the first.
OFF=Translate,TranslateUI,SpareRendererForSitePerProcess,OverscrollHistoryNavigation,BackForwardCache

start_browser() {
    local browser size flags
    browser=$(command -v chromium-browser || command -v chromium || command -v google-chrome) || {
        printf 'Chromium is not installed: sudo apt-get install chromium-browser (Debian: chromium).\n' >&2
        exit 3
    }
    size=$(screen_size)
    # shellcheck disable=SC2054  # the commas are Chromium's
    flags=(
        --kiosk "--app=$URL" --window-position=0,0 "--window-size=${size:-1024,600}"
        "--user-data-dir=$PROFILE" --disk-cache-size=1048576 --no-first-run --no-default-browser-check
        --noerrdialogs --disable-session-crashed-bubble --hide-crash-restore-bubble --disable-infobars
        --disable-component-update --disable-background-networking --disable-sync --disable-translate
        # Chromium asks for names of its maker's all the same: here there are none but this machine.
        '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost'
        "--disable-features=$OFF"
        --touch-events=enabled --disable-pinch --overscroll-history-navigation=0
        # A process less: about 40 MB.
        --password-store=basic --process-per-site --enable-low-end-device-mode
        --enable-features=NetworkServiceInProcess2
        '--user-agent=Mozilla/5.0 (X11; Linux) AppleWebKit/537.36 thermoscreen-kiosk'
    )
    "$browser" "${flags[@]}" &
    BROWSER=$!
}

wait_for display display_answers
# What blanks the screen is the page, which locks itself: the picture of a patient is not behind a key press.
xset s off s noblank -dpms || true
# What the browser leaves free is black, and a scanner's keys mean what they are printed with.
xsetroot -solid black 2>/dev/null || true
setxkbmap us 2>/dev/null || true
wait_for page page_answers

rm -rf "$PROFILE"
mkdir -m 0700 "$PROFILE"
start_browser
trap 'kill "$BROWSER" 2>/dev/null || true' EXIT
trap 'exit 0' TERM INT

missed=0 known=0 ask_at=$SECONDS
while sleep "$LOOK_S" && kill -0 "$BROWSER" 2>/dev/null; do
    if page_is_drawn; then
        missed=0
    elif [ $((missed += 1)) -ge 2 ]; then
        printf 'No process draws the page any more; the browser is started again.\n'
        exit 1
    fi
    if ((SECONDS >= ask_at)) && answers screen; then
        ask_at=$((SECONDS + SCREEN_S))
        case $known$BODY in
            ?well*) known=1 ;;
            1browser*)
                printf 'The screen stands still; the browser is started again.\n'
                exit 1
                ;;
            1display*)
                printf 'The screen stands still; the display is started again.\n'
                exit 4
                ;;
        esac
    fi
done
wait "$BROWSER" || true
printf 'The browser has ended; it is started again.\n'
