# What an upgrade does: packages come, are replaced, go and are purged, with scripts that do what
# those of real packages do; then real packages, from the folder $1.
export DEBIAN_FRONTEND=noninteractive LC_ALL=C HOME=/root
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
packages=$1
mkdir -p /var/tmp/debs
cd /var/tmp/debs

build() {
    mkdir -p "$1/DEBIAN" "$1/usr/bin" "$1/usr/lib/quiet" "$1/usr/lib/systemd/system" \
        "$1/etc/quiet" "$1/etc/cron.daily" "$1/etc/logrotate.d" "$1/etc/init.d" \
        "$1/etc/bash_completion.d" "$1/etc/profile.d" "$1/etc/sudoers.d" "$1/etc/pam.d"
    printf '#!/bin/sh\necho "version %s"\n' "$1" > "$1/usr/bin/quiet-run"
    printf '#!/bin/sh\nexit 0\n' > "$1/etc/cron.daily/quiet"
    printf '#!/bin/sh\n### BEGIN INIT INFO\n# Provides: quiet\n# Default-Start: 2 3\n%s\n' \
        '### END INIT INFO' > "$1/etc/init.d/quiet"
    chmod 755 "$1/usr/bin/quiet-run" "$1/etc/cron.daily/quiet" "$1/etc/init.d/quiet"
    printf '[Service]\nExecStart=/usr/bin/quiet-run\n[Install]\nWantedBy=multi-user.target\n' \
        > "$1/usr/lib/systemd/system/quiet.service"
    echo "version = $1" > "$1/etc/quiet/quiet.conf"
    echo "export QUIET=$1" > "$1/etc/profile.d/quiet.sh"
    echo "# none in $1" > "$1/etc/sudoers.d/quiet"
    echo "auth required pam_unix.so # $1" > "$1/etc/pam.d/quiet"
    printf '/var/log/quiet.log {\n daily\n missingok\n}\n' > "$1/etc/logrotate.d/quiet"
    printf 'Package: quiet\nVersion: %s\nArchitecture: all\nMaintainer: a <a@b>\n%s\n' "$1" \
        'Description: d' > "$1/DEBIAN/control"
    (cd "$1" && find etc -type f | sed 's|^|/|') > "$1/DEBIAN/conffiles"
    script "$1" preinst 'if test "$1" = upgrade; then cp -p /etc/quiet/quiet.conf /var/backups; fi'
    script "$1" postinst "$POSTINST"
    script "$1" prerm 'update-alternatives --remove quiet /usr/bin/quiet-run'
    script "$1" postrm 'if test "$1" = purge; then
rm -rf /var/lib/quiet /var/log/quiet.log; userdel quiet; update-rc.d quiet remove; fi'
    dpkg-deb --root-owner-group -b "$1" "quiet_$1_all.deb" > /dev/null
}

script() {
    printf '#!/bin/sh\nset -e\n%s\n' "$3" > "$1/DEBIAN/$2"
    chmod 755 "$1/DEBIAN/$2"
}

POSTINST='getent passwd quiet > /dev/null || useradd --system --home /var/lib/quiet quiet
mkdir -p /var/lib/quiet
chown quiet /var/lib/quiet
chmod 750 /var/lib/quiet
touch /var/log/quiet.log
update-alternatives --install /usr/local/bin/quiet quiet /usr/bin/quiet-run 10
update-rc.d quiet defaults
if command -v deb-systemd-helper; then deb-systemd-helper enable quiet.service || true; fi
if test -d /run/systemd/system; then systemctl daemon-reload; fi
sed -i "s/^version/release/" /etc/quiet/quiet.conf
cp -p /etc/quiet/quiet.conf /etc/quiet/quiet.conf.new
mv /etc/quiet/quiet.conf.new /etc/quiet/quiet.conf
ldconfig'

build 1
build 2
quietly() { "$@" > /var/tmp/output 2>&1 || { cat /var/tmp/output; exit 1; }; }
force="--force-confnew --force-confmiss"
quietly dpkg $force -i quiet_1_all.deb
quietly dpkg $force -i quiet_2_all.deb
test "$(quiet-run)" = "version 2"
quietly dpkg -r quiet
quietly apt-get -o Dpkg::Options::=--force-confnew -y install /var/tmp/debs/quiet_2_all.deb
quietly dpkg --audit
quietly dpkg -P quiet
if ls "$packages"/*.deb > /var/tmp/names 2> /dev/null; then
    quietly dpkg $force -i "$packages"/cron-daemon-common*.deb
    quietly dpkg $force -i "$packages"/*.deb
    export SUDO_FORCE_REMOVE=yes
    quietly dpkg -P openssh-server openssh-sftp-server cron sudo
fi
