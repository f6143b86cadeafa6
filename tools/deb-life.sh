#!/bin/sh
# The life of the package in /out, in the Debian that tools/deb-check.sh made for it: for that script alone, since it
# installs, configures and purges where it runs.
set -eu
[ -d /out ] && [ -d /checkout ] || exit 2

password='correct horse'
config=/etc/authd/authd.toml
daemon=

say() { printf '%s\n' "$@"; }

fail() {
    say "Failed: $*" >&2
    [ ! -e /tmp/log ] || cat /tmp/log >&2
    exit 1
}

check() { # WHAT COMMAND…
    what=$1
    shift
    "$@" >/tmp/said 2>&1 || { cat /tmp/said >&2 && fail "$what"; }
    say "  $what"
}

within() { # COMMAND: true after at most 20 s
    for _ in $(seq 200); do
        ! eval "$1" >/dev/null 2>&1 || return 0
        sleep 0.1
    done
    return 1
}

serve() {
    : >/tmp/log
    authd serve 2>/tmp/log &
    daemon=$!
    within 'grep -q "listening on /var/spool" /tmp/log' || fail "authd is ready"
}

stop() { kill "$daemon" && wait "$daemon"; }

files() { # all but what other programs keep: dpkg, debconf, Postfix and its users
    find / -xdev \( -path /proc -o -path /dev -o -path /tmp -o -path /out -o -path /checkout -o -path /var/lib/dpkg \
        -o -path /var/cache -o -path /var/log -o -path /var/lib/postfix -o -path '/etc/passwd*' -o -path '/etc/group*' \
        -o -path '/etc/*shadow*' -o -path /etc/.pwd.lock -o -path /var/spool/postfix/private -o -path /etc/postfix \
        -o -path /var/spool/postfix/public -o -path /var/spool/postfix/pid \) -prune -o -printf '%p %M %u:%g %l\n' | sort
    find /run -path '*authd*' | sort
}

smtp_says() { # CODE PASSWORD
    python3 - "$@" <<'END'
import smtplib, sys
from base64 import b64encode
with smtplib.SMTP("127.0.0.1", 25) as client:
    client.ehlo()
    code, text = client.docmd("AUTH", "PLAIN " + b64encode(f"\0alice\0{sys.argv[2]}".encode()).decode())
print(code, text.decode())
sys.exit(code != int(sys.argv[1]))
END
}

is_enabled() { [ -L /etc/systemd/system/sockets.target.wants/authd.socket ]; }

is_not_enabled() { ! is_enabled; }

next_version() {
    dpkg-deb --raw-extract "$deb" /tmp/next
    sed -i 's/^Version: .*/&.1/' /tmp/next/DEBIAN/control
    dpkg-deb --root-owner-group --build /tmp/next /tmp/next.deb
}

start_postfix() {
    usermod --append --groups sasl postfix
    printf 'pwcheck_method: saslauthd\nmech_list: PLAIN LOGIN\n' >/etc/postfix/sasl/smtpd.conf
    postconf myhostname=mail inet_interfaces=127.0.0.1 inet_protocols=ipv4 maillog_file=/var/log/postfix.log \
        smtpd_sasl_auth_enable=yes smtpd_sasl_type=cyrus
    newaliases
    postfix start
    within 'python3 -c "import socket; socket.create_connection((\"127.0.0.1\", 25))"'
}

deb=$(echo /out/*.deb)
check "Postfix starts, chrooted" start_postfix
postfix stop 2>/dev/null
files >/tmp/before

check "dpkg --install" dpkg --install "$deb"
check "its units are enabled" is_enabled
check "systemd-analyze verify" systemd-analyze verify --man=no /lib/systemd/system/authd*.service /lib/systemd/system/authd*.socket
check "its configuration is for root and the group alone" [ "$(stat -c '%a %U:%G' $config)" = "640 root:authd" ]
check "authd check" authd check
check "authd user add" sh -c "printf %s '$password' | authd user add alice"
serve
check "authd test" authd test -u alice -p "$password"
postfix start 2>/dev/null
check "Postfix says 235 to the right password" smtp_says 235 "$password"
check "Postfix says 535 to a wrong one" smtp_says 535 wrong
postfix stop 2>/dev/null

say "# mine" >>$config
check "the next version" next_version
check "dpkg --install of the next version" dpkg --install /tmp/next.deb
check "the configuration stays" grep -q '^# mine' $config
check "who ran goes on" authd test -u alice -p "$password"
stop
serve
check "the next version serves the same users" authd test -u alice -p "$password"
stop

mv $config /tmp
check "dpkg --install once more" dpkg --install /tmp/next.deb
check "a configuration that was removed stays removed" [ ! -e $config ]
mv /tmp/authd.toml $config

check "dpkg --remove" dpkg --remove authd-sasl
check "configuration and users stay" [ -s $config -a -s /var/lib/authd/users ]
check "and nothing that runs" [ ! -e /usr/bin/authd ]
check "dpkg --install after that" dpkg --install "$deb"
check "it is as before" grep -q '^# mine' $config
check "dpkg --purge" dpkg --purge authd-sasl
files >/tmp/after
check "nothing is left" diff /tmp/before /tmp/after

mkdir -p /run/saslauthd
saslauthd -a sasldb -m /run/saslauthd
check "dpkg --install beside a saslauthd" dpkg --install "$deb"
cp /tmp/said /tmp/said-beside
check "it says that it is not started" grep -q 'saslauthd is in use here' /tmp/said-beside
check "and is not enabled" is_not_enabled
check "dpkg --purge beside a saslauthd" dpkg --purge authd-sasl
check "saslauthd goes on" sh -c 'testsaslauthd -u nobody -p nothing | grep -q "^0: NO"'
