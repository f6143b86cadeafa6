#!/bin/sh
# Runs pytest with the branch coverage of authd and authd_backends, subprocesses included; the floor is in pyproject.toml.
# Arguments go to pytest.
set -eu
cd "$(dirname "$0")/.."

data=$(mktemp -d "${TMPDIR:-/tmp}/authd-coverage.XXXXXX")
trap 'rm -rf "$data"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
chmod 1777 "$data" # a daemon that dropped root leaves its data here too
export COVERAGE_FILE="$data/coverage"

echo "Running the tests"
.venv/bin/coverage run -m pytest "$@"
.venv/bin/coverage combine --quiet
.venv/bin/coverage report
echo "All passed. Next: make demo, or README.md on pointing Postfix at authd"
