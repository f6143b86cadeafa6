# Becomes systemd as process 1, in a root of its own: the programs and the checkout to read, all else empty or a copy.
# Nothing of the machine can be written from there, and systemd finds the units of $1 and no others.
# $1: folder of the units, $2: the checkout. To be run in fresh mount, pid, uts, ipc and cgroup namespaces.
set -e
units=$1 checkout=$2
mount --make-rprivate /
mount -t tmpfs -o mode=0755 root /mnt
cd /mnt
mkdir -p usr dev proc sys run tmp var/lib var/spool var/log var/tmp root old "./$checkout"
chmod 1777 tmp var/tmp
mount --rbind /usr usr
mount -o remount,bind,ro usr
mount --rbind "$checkout" "./$checkout"
mount -o remount,bind,ro "./$checkout"
ln -s usr/bin usr/sbin usr/lib usr/lib64 .
cp -a /etc .
rm -rf etc/systemd
mkdir -p etc/systemd/system
cp -R "$units"/* etc/systemd/system
mount -t tmpfs -o mode=0755 dev dev
for node in null zero full random urandom tty; do
    : >"dev/$node"
    mount --bind "/dev/$node" "dev/$node"
done
mkdir dev/shm
ln -s /proc/self/fd dev/fd
ln -s pts/ptmx dev/ptmx
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sys sys
mount -t cgroup2 cgroup sys/fs/cgroup
mount -t tmpfs -o mode=0755 run run
pivot_root . old
cd /
umount -l /old
rmdir /old
mount --make-rshared / # credentials come into a service by propagation
exec env -i container=box PATH=/usr/sbin:/usr/bin SYSTEMD_UNIT_PATH=/etc/systemd/system \
    /usr/lib/systemd/systemd --system --unit=box.target --log-level=info --log-target=console --show-status=no
