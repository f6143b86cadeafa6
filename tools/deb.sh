#!/bin/sh
# Builds the Debian package, on Debian 12 or newer and from Debian's own Python libraries.
#
#   tools/deb.sh          into dist/. As root it installs the build dependencies that are missing; anybody else is told
#                         what they are, and exits 1
#   tools/deb.sh FOLDER   into this one, with whatever is there to build it
set -eu
umask 022
cd "$(dirname "$0")/.."
PATH=/usr/sbin:/usr/bin:/sbin:/bin # Debian's Python, and no other

. tools/saying.sh

has_dependencies() { dpkg-checkbuilddeps -I 2>/dev/null; } # -I: nothing is compiled, so not those of every package

dependencies() { sed -n '/^Build-Depends:/,/^[^ B]/s/^ \([a-z0-9-]*\).*/\1/p' debian/control; }

install() { # what is missing of PACKAGE…
    command -v apt-get >/dev/null || fail "Missing, and there is no apt-get to install it: $*"
    if [ "$(id -u)" != 0 ]; then
        fail "Missing on this machine. An administrator has to run, once:" "" \
            "    apt-get update && apt-get install --no-install-recommends $*" ""
    fi
    say "Installing by apt-get what is missing of: $*"
    quietly apt-get -q update
    quietly env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -y -o DPkg::Lock::Timeout=120 install --no-upgrade --no-install-recommends "$@"
}

build() { # FOLDER
    place=$(mktemp -d "${TMPDIR:-/tmp}/authd-deb.XXXXXX")
    trap 'rm -rf "$place"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    mkdir -p "$1" "$place/authd" # what the package is made of, without all that lies about here
    cp -a authd backends contrib debian docs systemd pyproject.toml ./*.md LICENSE "$place/authd"
    find "$place" -name __pycache__ -prune -exec rm -rf {} +
    (
        cd "$place/authd"
        quietly dpkg-buildpackage --no-check-builddeps --unsigned-source --unsigned-changes --build=binary
    )
    mv "$place"/*.deb "$place"/*.changes "$place"/*.buildinfo "$1"
}

if [ $# = 1 ]; then
    build "$1"
    exit
fi
# shellcheck disable=SC2046  # a word for each package
has_dependencies || install dpkg-dev $(dependencies)
say "Building the Debian package"
build dist
say "Made, in dist:" "$(cd dist && ls -- *.deb)" "Next: docs/packages.md"
