#!/bin/sh
# Takes the Debian package through its life in a Debian of its own, which debootstrap makes below .cache/deb-check and
# which is kept there for the next time: built from Debian's libraries, lintian, installed, a login through the real
# Postfix, upgraded, removed, purged. As root. Nothing is installed on this machine, and nothing goes on running.
set -eu
umask 022
cd "$(dirname "$0")/.."
PATH=/usr/sbin:/usr/bin:/sbin:/bin
checkout=$PWD
place=$checkout/.cache/deb-check
release=bookworm
builders='debhelper dh-python dpkg-dev lintian pybuild-plugin-pyproject python3-hatchling'
users='init-system-helpers libsasl2-modules postfix procps python3 python3-argon2 sasl2-bin systemd'

. tools/saying.sh

# ── with the network: two trees, one to build in and one to install in ──

debootstrap() { # its own package is a script, which needs no installation
    (cd "$checkout" && quietly python3 -m tests.servers.packages debootstrap)
    unpacked=$checkout/.cache/debian/debootstrap
    DEBOOTSTRAP_DIR=$unpacked/usr/share/debootstrap quietly "$unpacked/usr/sbin/debootstrap" "$@"
}

make_tree() { # NAME PACKAGES
    [ ! -e "$place/$1" ] || return 0
    say "Making a Debian $release in $place/$1 (two minutes)"
    rm -rf "$place/$1.partial"
    mkdir -p "$place"
    debootstrap --variant=minbase "$release" "$place/$1.partial" http://deb.debian.org/debian
    printf '#!/bin/sh\nexit 101\n' >"$place/$1.partial/usr/sbin/policy-rc.d" # nothing is started
    chmod +x "$place/$1.partial/usr/sbin/policy-rc.d"
    cp /etc/resolv.conf /etc/hosts "$place/$1.partial/etc/"
    # shellcheck disable=SC2086  # a word for each package
    quietly env DEBIAN_FRONTEND=noninteractive chroot "$place/$1.partial" \
        apt-get -q -y install --no-install-recommends $2
    mv "$place/$1.partial" "$place/$1"
}

# ── without it: in namespaces, above the trees, in memory ──

enter() { # TREE COMMAND…: what it writes is gone with it, but for /out
    tree=$1
    shift
    # shellcheck disable=SC2016  # the inner shell's
    unshare --mount --pid --net --ipc --uts --fork --kill-child sh -euc '
        tree=$1 out=$2 checkout=$3
        shift 3
        hostname mail
        ip link set lo up
        mount -t tmpfs -o mode=0755 deb-check /mnt
        mkdir /mnt/upper /mnt/work /mnt/root
        mount -t overlay -o "lowerdir=$tree,upperdir=/mnt/upper,workdir=/mnt/work" deb-check /mnt/root
        cd /mnt/root
        mkdir -p out checkout
        mount -t proc proc proc
        mount --rbind /dev dev
        mount -t tmpfs -o mode=0755 run run
        mount --bind "$out" out
        mount --bind "$checkout" checkout
        exec env -i PATH="$PATH" LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive chroot . "$@"
    ' sh "$place/$tree" "$out" "$checkout" "$@"
}

[ "$(id -u)" = 0 ] || fail "deb-check needs root: namespaces, and a tree with owners of its own"
make_tree builder "$builders"
make_tree user "$users"
out=$(mktemp -d "${TMPDIR:-/tmp}/authd-deb-check.XXXXXX")
trap 'rm -rf "$out"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say "Building"
enter builder /checkout/tools/deb.sh /out
say "lintian"
enter builder sh -c 'lintian --allow-root --display-info --pedantic \
    --fail-on=error,warning,info,pedantic /out/*.changes && echo "lintian: nothing found"'
say "Installing, using, upgrading, removing, purging"
enter user sh /checkout/tools/deb-life.sh
say "All passed."
