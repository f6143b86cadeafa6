#!/bin/sh
# Runs pytest with the branch coverage of authd and authd_backends, subprocesses included. The floor is fail_under in
# pyproject.toml; .venv/bin/coverage report tells what was not reached. Arguments go to pytest.
set -eu
cd "$(dirname "$0")/.."

data=$(mktemp -d "${TMPDIR:-/tmp}/authd-coverage.XXXXXX")
trap 'rm -rf "$data"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
chmod 1777 "$data" # a daemon that dropped root leaves its data here too

[ "$(id -u)" = 0 ] || echo "Not root: the tests under real servers (tests/peers) need it, and fail without"
echo "Running the tests"
COVERAGE_FILE="$data/.coverage" .venv/bin/coverage run -m pytest "$@"

PYTHONWARNINGS=ignore .venv/bin/coverage combine --quiet "$data" # a process that was killed leaves a broken file
percent=$(.venv/bin/coverage report --format=total) || {
    .venv/bin/coverage report
    exit 1
}
echo "Branch coverage of authd and authd_backends: $percent %"
echo "All passed. Next: make demo, make bench, or README.md on pointing Postfix at authd"
