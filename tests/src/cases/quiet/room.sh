# Becomes a root of its own, and runs the script $2 there: the host's files, with whatever is
# changed kept in memory below $1. Paths are those that the host has. It is in mount, pid and
# network namespaces of its own already; what it leaves running ends with the first process.
set -eu
room=$1 work=$2
shift 2
mount --make-rprivate /
mount -t tmpfs room "$room"
mkdir "$room/upper" "$room/work" "$room/root"
mount -t overlay room -o "lowerdir=/,upperdir=$room/upper,workdir=$room/work" "$room/root"
cd "$room/root"
mount --rbind /dev dev
mount --rbind /sys sys
mount -t proc proc proc
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=1777 tmp tmp
pivot_root . mnt
umount -l /mnt
ip link set lo up
/bin/sh -eu "$work" "$@"
# An act that alerts: what came before it was seen as well.
: > /etc/ld.so.preload
