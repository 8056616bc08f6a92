#!/bin/busybox sh
# The guest's init. First run: move from the initramfs, which cannot be pivoted away from, to a
# tmpfs, as container runtimes need. Second run: mount what a host has, run the command, report.
b=/bin/busybox

if [ ! -e /moved ]; then
    $b mkdir /new
    $b mount -t tmpfs -o mode=0755,size=80% root /new
    for entry in /* ; do
        case $entry in
            /new | /dev | /proc | /sys | /root) ;;
            # switch_root wants to see that it leaves an initramfs.
            /init) $b cp /init /new/ ;;
            *) $b mv "$entry" /new/ ;;
        esac
        # mv has taken busybox along.
        [ -x $b ] || b=/new/bin/busybox
    done
    $b mkdir /new/dev /new/proc /new/sys /new/root
    : > /new/moved
    exec $b switch_root /new /init
fi

$b mount -t devtmpfs dev /dev
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mkdir -p /tmp /dev/pts /dev/shm /run /usr/bin /usr/sbin /sbin /var/lib /var/tmp
$b --install -s
$b ln -sf /proc/self/fd /dev/fd
mount -t tmpfs -o mode=1777 tmp /tmp
mount -t devpts pts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t tmpfs -o mode=0755 run /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
    echo "+$controller" > /sys/fs/cgroup/cgroup.subtree_control
done
. /etc/vm/settings
if [ "$BARE" = no ]; then
    mount -t tracefs tracefs /sys/kernel/tracing
    mount -t securityfs securityfs /sys/kernel/security
    mount -t bpf bpf /sys/fs/bpf
fi
for module in /modules/*.ko; do
    [ -e "$module" ] && insmod "$module"
done
ip link set lo up
hostname vm
stty -F /dev/$REPORT raw
echo up > /dev/$REPORT
cd /root
sh /etc/vm/command < /dev/null
code=$?
# Setting a terminal waits until its output is out; after the report the host stops the machine.
stty -F /dev/$CONSOLE -echo
echo "exit $code" > /dev/$REPORT
sleep 5
poweroff -f
