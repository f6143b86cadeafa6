#!/bin/sh
# Makes .venv and installs authd into it, editable.
#
#   tools/setup.sh run    what the demo needs: authd and argon2 (prebuilt)
#   tools/setup.sh dev    what the tests need: the dev tools too, of which two modules have to be compiled
#   tools/setup.sh fuzz   what fuzzing needs: atheris besides (prebuilt, 35 MB)
#
# PYTHON names the interpreter. Does nothing where it was done before for this checkout, Python and pyproject.toml.
# As root it installs the build dependencies that are missing; anybody else is told what they are, and exits 1.
set -eu
umask 022  # a daemon that drops root has to read .venv

cd "$(dirname "$0")/.."
purpose=$1
python=${PYTHON:-/usr/bin/python3}
in_venv=.venv/bin/python

. tools/saying.sh

python_can() { "$python" -c "$1" 2>/dev/null; }

check_python() {
    if python_can 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        return
    fi
    [ "$python" = /usr/bin/python3 ] && [ ! -e "$python" ] || # the package python3-venv brings it
        fail "PYTHON=$python: expected Python 3.11 or newer, got $("$python" --version 2>&1)"
}

missing_packages() { # one a line, and what for
    python_can 'import venv, ensurepip' || say 'python3-venv makes .venv'
    if [ "$purpose" = dev ]; then
        command -v gcc >/dev/null || say "gcc compiles the load generator of the bench, the PAM module of the tests and the Python modules of Berkeley DB and LDAP"
        [ -e /usr/include/stdio.h ] || say 'libc6-dev has the headers of C'
    fi
    if [ "$purpose" = dev ] && ! $in_venv -c 'import berkeleydb, ldap' 2>/dev/null; then
        [ -e /usr/include/db.h ] || say 'libdb5.3-dev is Berkeley DB: the tests write databases with it'
        [ -e /usr/include/ldap.h ] || say 'libldap-dev has the headers of OpenLDAP for the Python module of LDAP'
        [ -e /usr/include/sasl/sasl.h ] || say 'libsasl2-dev has the headers of SASL, which it needs too'
        python_can 'import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")' ||
            say 'python3-dev has the headers of Python'
    fi
}

install() { # what missing_packages says
    packages=$(say "$1" | cut -d ' ' -f 1 | paste -s -d ' ')
    command -v apt-get >/dev/null || fail "Missing, and there is no apt-get to install it:" "$1"
    if [ "$(id -u)" != 0 ]; then
        fail "Missing on this machine:" "$1" "" "An administrator has to run, once:" "" \
            "    apt-get update && apt-get install --no-install-recommends $packages" ""
    fi
    say "Installing by apt-get what is missing:" "$1"
    quietly apt-get -q update
    # shellcheck disable=SC2086  # a word for each package
    quietly env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -y -o DPkg::Lock::Timeout=120 install --no-install-recommends $packages
}

make_venv() {
    made_for="$PWD $("$python" -VV)"
    if [ "$(cat .venv/made-for 2>/dev/null)" = "$made_for" ] && $in_venv -m pip --version >/dev/null 2>&1; then
        return
    fi
    say "Making .venv with $("$python" --version) from $python"
    quietly "$python" -m venv --clear .venv
    say "$made_for" >.venv/made-for
}

pip_install() { quietly $in_venv -m pip --disable-pip-version-check install --quiet "$@"; }

install_authd() {
    case $purpose in
        run)
            say "Installing authd into .venv"
            pip_install --editable '.[argon2]'
            ;;
        dev)
            say "Installing authd and the dev tools into .venv (a minute or two)"
            pip_install --upgrade 'pip>=25.1' # Debian 12's 23.0 knows no --group
            pip_install --editable '.[all]' --group dev
            ;;
    esac
}

fingerprint() { { pwd && "$python" -VV && cat pyproject.toml; } 2>&1 | sha256sum; }

is_ready() { # PURPOSE
    [ "$(cat ".venv/ready-to-$1" 2>/dev/null)" = "$(fingerprint)" ]
}

if [ "$purpose" = fuzz ]; then
    tools/setup.sh dev
    is_ready fuzz && exit 0
    say "Installing atheris into .venv"
    pip_install --group fuzz
    fingerprint >.venv/ready-to-fuzz
    exit 0
fi
if is_ready dev || is_ready "$purpose"; then
    exit 0
fi
rm -f .venv/ready-to-*
check_python
missing=$(missing_packages)
[ -z "$missing" ] || install "$missing"
make_venv
install_authd
fingerprint >".venv/ready-to-$purpose"
