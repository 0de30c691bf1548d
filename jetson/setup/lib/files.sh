# shellcheck shell=bash
# Files and folders, and the manifest that lists them. Sourced by install.sh.
#
# The manifest is a text file of lines `KIND NAME [VALUE]`, names as under `/`:
#   file PATH SHA256    written by the installer
#   tree PATH           a folder that belongs to the installer with everything in it
#   folder PATH         made by the installer; removed only when it is empty
#   account NAME        made by the installer
#   stamp NAME HASH     hash of what a step installed
#   unit NAME           enabled by the installer
#   was NAME VALUE      a value before the installation
# A line is written before the change that it describes, so that an interrupted installation can be undone too.

MANIFEST=/etc/thermoscreen/installed.txt
declare -A REMEMBERED=()
# Files that the step wrote; synced when it ends.
WRITTEN=()
# Folders that a dry run would have made so far.
PLANNED=''

read_manifest() {
    local kind name value
    [ -f "$ROOT$MANIFEST" ] || return 0
    while read -r kind name value; do
        [ -z "$name" ] || REMEMBERED["$kind $name"]=$value
    done <"$ROOT$MANIFEST"
}

# remembered KIND NAME: the value in the manifest; fails where there is no such line.
remembered() {
    [ -n "${REMEMBERED["$1 $2"]+there}" ] || return 1
    printf '%s' "${REMEMBERED["$1 $2"]}"
}

# remember KIND NAME [VALUE]: write the line, replacing an older one of that kind and name.
remember() {
    local known=0
    [ "$DRY_RUN" = 0 ] || return 0
    if [ -n "${REMEMBERED["$1 $2"]+there}" ]; then
        [ "${REMEMBERED["$1 $2"]}" != "${3:-}" ] || return 0
        known=1
    fi
    REMEMBERED["$1 $2"]=${3:-}
    make_manifest_folder
    if [ "$known" = 1 ]; then
        awk -v kind="$1" -v name="$2" '!($1 == kind && $2 == name)' "$ROOT$MANIFEST" >"$ROOT$MANIFEST.new"
        printf '%s\n' "$1 $2${3:+ $3}" >>"$ROOT$MANIFEST.new"
        mv -f "$ROOT$MANIFEST.new" "$ROOT$MANIFEST"
    else
        printf '%s\n' "$1 $2${3:+ $3}" >>"$ROOT$MANIFEST"
    fi
    WRITTEN+=("$ROOT$MANIFEST")
}

make_manifest_folder() {
    local path=${MANIFEST%/*} missing=()
    while [ ! -d "$ROOT$path" ]; do
        missing=("$path" "${missing[@]}")
        path=${path%/*}
    done
    [ "${#missing[@]}" != 0 ] || return 0
    mkdir -p "$ROOT${MANIFEST%/*}"
    for path in "${missing[@]}"; do
        remember folder "$path"
    done
}

# names_of KIND: all names of a kind, the last one first.
names_of() { [ ! -f "$ROOT$MANIFEST" ] || awk -v kind="$1" '$1 == kind { print $2 }' "$ROOT$MANIFEST" | tac; }

sha256_of() {
    local sum
    read -r sum _ < <(sha256sum <"$1")
    printf '%s' "$sum"
}

# put_folder PATH MODE [OWNER]: a folder with these rights; in a staging root, owners are not changed.
put_folder() {
    local path=$ROOT$1 mode owner
    if [ ! -d "$path" ]; then
        case $PLANNED in *"|$path|"*) return 0 ;; esac
        PLANNED="$PLANNED|$path|"
        put_parent "$1"
        remember folder "$1"
        act "make the folder $path (mode $2${3:+, for $3})" mkdir -p "$path"
        [ "$DRY_RUN" = 0 ] || return 0
    fi
    read -r mode owner < <(stat -c '%a %U' "$path")
    if [ "$mode" != "$2" ]; then
        act "give $path the mode $2" chmod "$2" "$path"
    fi
    if [ -n "${3:-}" ] && [ -z "$ROOT" ] && [ "$owner" != "$3" ]; then
        act "give $path to $3" chown "$3:$3" "$path"
    fi
}

put_parent() {
    local parent=${1%/*}
    [ -z "$parent" ] || [ -d "$ROOT$parent" ] || put_folder "$parent" 755
}

# put_file SOURCE PATH MODE: copy a file, whole or not at all. In a staging root, the paths of the installation in it are
# those of the root.
put_file() {
    local source=$1 path=$2 mode=$3 target=$ROOT$2 ready=$1
    if [ -n "$ROOT" ]; then
        ready=$WORK/rendered
        sed -E "s#(^|[^A-Za-z0-9_./])(/(opt|etc|var/lib|usr/local/lib)/thermoscreen)#\\1$ROOT\\2#g" "$source" >"$ready"
    fi
    if [ -n "${REMEMBERED["file $path"]+there}" ] && cmp -s "$ready" "$target" \
        && [ "$(stat -c %a "$target")" = "$mode" ]; then
        return 0
    fi
    put_parent "$path"
    remember file "$path" "$(sha256_of "$ready")"
    act "write $target (mode $mode)" write_file "$ready" "$target" "$mode"
}

write_file() {
    rm -f "$2.new"
    cp "$1" "$2.new"
    chmod "$3" "$2.new"
    mv -f "$2.new" "$2"
    WRITTEN+=("$2")
}

# put_text PATH MODE: as put_file, with the content from standard input.
put_text() {
    cat >"$WORK/text"
    put_file "$WORK/text" "$1" "$2"
}
