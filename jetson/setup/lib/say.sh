# shellcheck shell=bash
# Steps: what is printed, what a dry run leaves out, and how a failure ends. Sourced by install.sh.

STEP_NUMBER=0
STEP=start
CHANGED=0
ANY_CHANGE=0
SAID=0
NOTES=()

# step NAME FUNCTION: run one step. It leaves its sentence in TEXT, and in VERDICT a word of its own
# where 'done' and 'already so' (which CHANGED decides) are not it.
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

# What the integrator should know and need not act on at once; all of it is repeated at the end.
note() { NOTES+=("$1"); }

# Progress of a step that takes a while.
say() { printf '    %-11s ... %s\n' "$STEP" "$1"; }

# act SENTENCE COMMAND...: a change. In a dry run the sentence is printed and nothing is done.
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

# quietly COMMAND...: its output goes into the log, whose last line is part of what a failure says.
quietly() {
    local status=0
    printf '+ %s\n' "$*" >>"$WORK/log"
    "$@" >>"$WORK/log" 2>&1 || status=$?
    [ "$status" = 0 ] || fail "${1##*/} ended with $status: $(last_line). All of it is in $(keep_log)."
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
    printf 'install.sh: step %d (%s): %s What is done so far stays; the same command again goes on from there.\n' \
        "$STEP_NUMBER" "$STEP" "$1" >&2
    exit 1
}

# finish STATUS COMMAND: whatever else ends a step (set -e) ends with one line as well.
finish() {
    rm -rf "$WORK"
    [ "$1" = 0 ] || [ "$SAID" = 1 ] || (fail "'$2' ended with $1.") || true
}

usage_error() {
    SAID=1
    printf 'install.sh: %s See install.sh --help.\n' "$1" >&2
    exit 2
}

# confirm QUESTION: at a terminal ask; without one --yes must have been given.
confirm() {
    local answer
    if [ "$YES" = 1 ] || [ "$DRY_RUN" = 1 ] || [ -n "$ROOT" ]; then
        return 0
    fi
    [ -t 0 ] || usage_error 'Nobody is here to be asked; give --yes.'
    read -r -p "$1 [y/N] " answer
    case $answer in
        [yY] | [yY][eE][sS]) ;;
        *) SAID=1; printf 'Nothing was changed.\n'; exit 1 ;;
    esac
}
