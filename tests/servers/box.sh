# Process 1 of a box: lays its file system, says so, and ends with its standard input, which ends all the others.
# $1: folder of the unpacked packages, $2: the checkout, $3…: the packages. A shell, since it reaps orphans.
set -e
packages=$1 checkout=$2
shift 2

# A checkout below a folder that is closed to others (root's home) is shown at its own path all the same:
# a daemon that dropped root has to read its own code.
closed=$checkout
until [ "$closed" = / ] || [ "$(dirname "$closed")" = / ]; do
    closed=$(dirname "$closed")
    case $(stat -c %A "$closed") in *x | *t) continue ;; esac
    mount --bind "$checkout" /mnt
    mount -t tmpfs -o mode=0755 box "$closed"
    mkdir -p "$checkout"
    mount --move /mnt "$checkout"
done

cd "$packages" # relative names: the options of a mount have little room
mount -t tmpfs -o mode=0755 box /run
for name in etc usr dev; do
    below=
    for package; do
        [ -d "$package/$name" ] && below=$below$package/$name:
    done
    mkdir -p "/run/$name" "/run/$name.work"
    mount -t overlay -o "lowerdir=$below/$name,upperdir=/run/$name,workdir=/run/$name.work" box "/$name"
done
chmod 1777 /dev/shm
mount -t tmpfs -o mode=0755 box /run # above what the overlays write to
: >/run/.box
mount -t tmpfs -o mode=0755 box /var/spool
echo mail >/proc/sys/kernel/hostname
cd /
echo ready
cat
