#!/bin/sh
# Shows authd at work on its embedded default, in a directory of its own, and leaves nothing behind.
#
# As root it goes on as the owner of the checkout and without capabilities: an authd that is truly root would become
# another user, who cannot read a checkout below somebody's home.
set -eu
cd "$(dirname "$0")/.."

if [ "$(id -u)" = 0 ] && [ $# = 0 ]; then
    exec setpriv --reuid="$(stat -c %u .)" --regid="$(stat -c %g .)" --clear-groups \
        --inh-caps=-all --bounding-set=-all tools/demo.sh unprivileged
fi

. tools/saying.sh

step() { # COMMAND: shown, then run
    say "\$ $1"
    eval "$1"
}

login() { # EXPECTED COMMAND: shown, then run; what it prints has to be as expected
    say "\$ $2"
    answer=$(eval "$2") || true # 255 where the answer is NO
    say "$answer"
    [ "$answer" = "$1" ] || fail "expected $1"
}

clean_up() {
    status=$?
    if [ -n "$daemon" ]; then
        kill "$daemon" 2>/dev/null && wait "$daemon" || true
    fi
    if [ $status != 0 ] && [ $status != 130 ] && [ -e "$place/log" ]; then
        say "" "The demo failed. The log of authd:" >&2
        cat "$place/log" >&2
    fi
    rm -rf "$place"
}

await_readiness() { # at most 20 s
    for _ in $(seq 200); do
        ! grep -q 'listening on' "$place/log" || return 0
        kill -0 "$daemon" 2>/dev/null || fail "authd ended at its start"
        sleep 0.1
    done
    fail "authd is not listening after 20 s"
}

daemon=
place=$(mktemp -d "${TMPDIR:-/tmp}/authd-demo.XXXXXX")
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say "" "authd on its embedded default, its state and socket below $place as systemd would place them:"
step "export STATE_DIRECTORY=$place/state RUNTIME_DIRECTORY=$place/run"
step 'mkdir -m 0700 $STATE_DIRECTORY $RUNTIME_DIRECTORY'
step ".venv/bin/authd serve 2>$place/log &"
daemon=$!
await_readiness
grep 'listening on' "$place/log"

say "" "A user; the password comes by standard input, never as an argument:"
step "printf %s 'correct horse' | .venv/bin/authd user add alice"

say "" "The right password through the socket, in testsaslauthd's words:"
login '0: OK "Success."' ".venv/bin/authd test -u alice -p 'correct horse'"

say "" "A wrong one; the refusal is held back for two seconds:"
login '0: NO "authentication failed"' ".venv/bin/authd test -u alice -p 'wrong horse'"

say "" "The end:"
step "kill $daemon"
wait "$daemon" || fail "authd ended with status $?"
daemon=

cat <<'END'

It works. To run it for real, under Postfix: README.md, "Point Postfix at it".
The tests, an unmodified Postfix among them: make test
END
