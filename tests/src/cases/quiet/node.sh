# What the agents of a cluster do on a node beside starting containers: the network of pods, rules
# for services, logs, volumes, images' garbage, and scripts that look after the node's health.
# The real packages of some tools are in the folder $1.
export LC_ALL=C HOME=/root
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
packages=$1
has() { command -v "$1" > /dev/null; }
if has dpkg && ls "$packages"/iptables*.deb > /dev/null 2>&1; then
    dpkg --force-confnew --force-confmiss -i "$packages"/lib*.deb "$packages"/iptables*.deb \
        > /dev/null 2>&1
fi

network() {
    name=cni-$1
    mkdir -p /run/netns /var/lib/cni/networks/pods
    ip netns add "$name"
    ip link add "veth$1" type veth peer name "peer$1" 2> /dev/null || ip link add "veth$1" type dummy
    ip link set "peer$1" netns "$name" 2> /dev/null || true
    ip netns exec "$name" ip link set lo up
    ip addr add "192.0.2.$1/32" dev "veth$1"
    echo "$name" > "/var/lib/cni/networks/pods/192.0.2.$1"
    nsenter --net="/run/netns/$name" ip addr > /dev/null
    if has iptables; then
        iptables -w -t nat -A POSTROUTING -s "192.0.2.$1" -j MASQUERADE 2> /dev/null || true
        iptables-save > /run/rules 2> /dev/null || true
        iptables-restore -w --noflush < /run/rules 2> /dev/null || true
        iptables -w -t nat -D POSTROUTING -s "192.0.2.$1" -j MASQUERADE 2> /dev/null || true
    fi
    ip netns del "$name"
    # With the last of its pair it is gone already.
    ip link del "veth$1" 2> /dev/null || true
    rm "/var/lib/cni/networks/pods/192.0.2.$1"
}

# A volume of configuration, as a kubelet replaces it: whole, by renaming a link.
volume() {
    pod=/var/lib/kubelet/pods/$1/volumes/kubernetes.io~configmap/config
    mkdir -p "$pod"
    for n in 1 2 3; do
        mkdir "$pod/..2030_$n"
        echo "key: $n" > "$pod/..2030_$n/key"
        ln -s "..2030_$n" "$pod/..data_tmp"
        mv -T "$pod/..data_tmp" "$pod/..data"
        ln -sfn ..data/key "$pod/key"
        test "$(cat "$pod/key")" = "key: $n"
    done
    mkdir -p "$pod-token"
    mount -t tmpfs -o size=64k token "$pod-token"
    (umask 077 && echo token > "$pod-token/token")
    umount "$pod-token"
    rm -r "/var/lib/kubelet/pods/$1"
}

logs() {
    log=/var/log/pods/default_$1/app
    mkdir -p "$log" /var/log/containers
    ln -sf "$log/0.log" "/var/log/containers/$1.log"
    for n in $(seq 50); do echo "2030-01-01T00:00:00Z stdout F line $n"; done > "$log/0.log"
    mv "$log/0.log" "$log/0.log.20300101"
    gzip "$log/0.log.20300101"
    : > "$log/0.log"
    tail -n 1 "$log/0.log"
    rm -r "/var/log/pods/default_$1"
}

health() {
    dmesg 2> /dev/null | grep -c 'oom-kill\|Out of memory' || true
    if has systemctl; then systemctl is-active kubelet containerd || true; fi
    if has journalctl; then journalctl -k -n 5 --no-pager 2> /dev/null || true; fi
    if has timeout; then timeout 1 cat /proc/sys/net/netfilter/nf_conntrack_count || true; fi
    cat /proc/loadavg /proc/meminfo /proc/diskstats /proc/mounts
    df -i /
    du -s /var/lib/kubelet /var/log
    sysctl -n net.ipv4.ip_forward vm.overcommit_memory
    sysctl -q -w net.ipv4.ip_forward=1
    find /var/lib/kubelet /run/netns -maxdepth 3
}

for n in 1 2 3; do
    network "$n"
    volume "pod-$n"
    logs "pod-$n"
    health > /run/health 2>&1
done
