# Installs the Debian package $2, runs what it brings, upgrades and purges it, in a root of its own:
# the host's files, with whatever is changed kept in memory below $1. Pids are the host's, as the
# daemon needs it. Tells which BPF programs the daemon had.
set -eu
room=$1 package=$2
mount --make-rprivate /
mount -t tmpfs room "$room"
mkdir "$room/upper" "$room/work" "$room/root"
mount -t overlay room -o "lowerdir=/,upperdir=$room/upper,workdir=$room/work" "$room/root"
cp "$package" "$room/upper/package.deb"
cd "$room/root"
for shared in dev proc sys; do mount --rbind /$shared $shared; done
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=1777 tmp tmp
pivot_root . mnt
umount -l /mnt

# Every file, and what is named after the package. dpkg writes down what it did.
everything() {
    find /etc /opt /run /srv /usr /var -xdev \( -not -type d -o -name '*runmon*' \) |
        grep -v -e '^/var/lib/dpkg/' -e '^/var/log/dpkg.log$' -e '^/var/log/alternatives.log$' |
        sort
}
everything > /tmp/before
ls /sys/fs/bpf > /tmp/pinned

dpkg --install /package.deb
runmon rules check /usr/share/runmon/rules /etc/runmon/rules.d
# A host may leave manual pages out when it installs.
dpkg-deb --contents /package.deb > /tmp/contents
for page in runmon runmon-replay runmon-rules-test; do
    grep -q "/usr/share/man/man1/$page.1.gz$" /tmp/contents
done
runmon completions bash | cmp - /usr/share/bash-completion/completions/runmon
runmon run > /tmp/alerts 2> /tmp/log &
daemon=$!
tries=0
until grep -q watching /tmp/log; do
    kill -0 $daemon
    tries=$((tries + 1))
    test $tries -lt 600
    sleep 0.1
done
# Its only child holds them.
keeper=$(tr -d ' ' < /proc/$daemon/task/$daemon/children)
cat /proc/$keeper/fdinfo/* 2> /dev/null | sed -n 's/^prog_id:[[:space:]]*/program /p'

echo '# a change of the administrator' >> /etc/runmon/config.yaml
dpkg-deb --raw-extract /package.deb /tmp/next
sed -i 's/^Version: .*/&.1/' /tmp/next/DEBIAN/control
dpkg-deb --build -Zgzip -z1 /tmp/next /tmp/next.deb
dpkg --install /tmp/next.deb
dpkg-query --show runmon | grep '\.1$'
grep administrator /etc/runmon/config.yaml
kill -0 $daemon

kill -TERM $daemon
wait $daemon
echo "rule: mine" > /etc/runmon/rules.d/mine.yaml
dpkg --remove runmon
test -e /etc/runmon/config.yaml
dpkg --purge runmon
# Files of the administrator's own stay.
rm /etc/runmon/rules.d/mine.yaml
rmdir /etc/runmon/rules.d /etc/runmon
everything > /tmp/after
ls /sys/fs/bpf > /tmp/pinned-after
diff /tmp/before /tmp/after
diff /tmp/pinned /tmp/pinned-after
