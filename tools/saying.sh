# shellcheck shell=sh
# How the scripts beside it speak: each sources it.

say() { printf '%s\n' "$@"; }

fail() {
    say "$@" >&2
    exit 1
}

quietly() { # COMMAND…: its output is shown only when it fails
    output=$("$@" 2>&1) || fail "$output" "" "Failed: $*"
}
