# shellcheck shell=bash
# Steps: output, dry runs and failures. Sourced by install.sh.

STEP_NUMBER=0
STEP=start
CHANGED=0
ANY_CHANGE=0
SAID=0
NOTES=()

# step NAME FUNCTION: run one step. It leaves its sentence in TEXT, and a verdict in VERDICT unless that is 'done' or
# 'already so', which CHANGED decides.
step() {
    STEP_NUMBER=$((STEP_NUMBER + 1))
    STEP=$1
    CHANGED=0
    VERDICT=''
    TEXT=''
    WRITTEN=()
    "$2"
    [ "${#WRITTEN[@]}" = 0 ] || sync "${WRITTEN[@]}"
    if [ -z "$VERDICT" ]; then
        VERDICT='already so'
        [ "$CHANGED" = 0 ] || VERDICT='done'
        [ "$CHANGED" = 0 ] || [ "$DRY_RUN" = 0 ] || VERDICT='would do'
    fi
    [ "$CHANGED" = 0 ] || ANY_CHANGE=1
    printf '%2d  %-11s %-10s %s\n' "$STEP_NUMBER" "$STEP" "$VERDICT" "$TEXT"
}

fine() { VERDICT='fine' TEXT=$1; }
skipped() { VERDICT='skipped' TEXT="($1)"; }

# What the integrator should know but need not act on at once; printed at the end.
note() { NOTES+=("$1"); }

# Progress of a step that takes a while.
say() { printf '    %-11s ... %s\n' "$STEP" "$1"; }

# act SENTENCE COMMAND...: a change. A dry run prints the sentence and does nothing.
act() {
    local sentence=$1
    shift
    CHANGED=1
    if [ "$DRY_RUN" = 1 ]; then
        printf '    %-11s would %s\n' "$STEP" "$sentence"
        return 0
    fi
    "$@"
}

# quietly COMMAND...: its output goes to the log, and the last line of the log into the message of a failure.
quietly() {
    local status=0
    printf '+ %s\n' "$*" >>"$WORK/log"
    "$@" >>"$WORK/log" 2>&1 || status=$?
    [ "$status" = 0 ] || fail "${1##*/} ended with $status: $(last_line). Full log: $(keep_log)."
}

last_line() { grep -v '^[[:space:]]*$' "$WORK/log" | tail -n 1 | cut -c 1-300; }

keep_log() {
    local kept
    kept=$(mktemp "${TMPDIR:-/tmp}/thermoscreen-install.XXXXXX.log")
    cp "$WORK/log" "$kept"
    printf '%s' "$kept"
}

fail() {
    SAID=1
    printf 'install.sh: step %d (%s): %s What was done so far is kept; run the same command again to continue.\n' \
        "$STEP_NUMBER" "$STEP" "$1" >&2
    exit 1
}

# finish STATUS COMMAND: any other end of a step (set -e) prints one line as well.
finish() {
    rm -rf "$WORK"
    [ "$1" = 0 ] || [ "$SAID" = 1 ] || (fail "'$2' ended with $1.") || true
}

usage_error() {
    SAID=1
    printf 'install.sh: %s See install.sh --help.\n' "$1" >&2
    exit 2
}

# confirm QUESTION: ask at a terminal; without a terminal, --yes is required.
confirm() {
    local answer
    if [ "$YES" = 1 ] || [ "$DRY_RUN" = 1 ] || [ -n "$ROOT" ]; then
        return 0
    fi
    [ -t 0 ] || usage_error 'There is no terminal to ask for confirmation; add --yes.'
    read -r -p "$1 [y/N] " answer
    case $answer in
        [yY] | [yY][eE][sS]) ;;
        *) SAID=1; printf 'Nothing was changed.\n'; exit 1 ;;
    esac
}
