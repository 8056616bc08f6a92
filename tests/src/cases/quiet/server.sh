# A day of an ordinary Debian server, shortened. Tools are used where they are; the real packages
# of some are in the folder $1. What configures the server comes as a package, as with a fleet.
export DEBIAN_FRONTEND=noninteractive LC_ALL=C HOME=/root
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
packages=$1
has() { command -v "$1" > /dev/null; }
quietly() { "$@" > /var/tmp/output 2>&1 || { echo "$*"; cat /var/tmp/output; exit 1; }; }

configure() {
    mkdir -p /var/tmp/site && cd /var/tmp/site
    mkdir -p site/DEBIAN site/etc/sudoers.d site/etc/ssh/sshd_config.d site/etc/ssh/keys \
        site/etc/cron.d site/srv/www
    ssh-keygen -q -t ed25519 -N '' -C quiet -f key
    cp key.pub site/etc/ssh/keys/root
    cp key.pub site/etc/ssh/keys/quietadmin
    echo 'quietadmin ALL=(ALL) NOPASSWD: ALL' > site/etc/sudoers.d/quietadmin
    printf 'AuthorizedKeysFile /etc/ssh/keys/%%u\nPasswordAuthentication no\n' \
        > site/etc/ssh/sshd_config.d/quiet.conf
    echo '17 * * * * root true' > site/etc/cron.d/site
    echo hello > site/srv/www/index.html
    printf 'Package: site\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\n%s\n' \
        'Description: d' > site/DEBIAN/control
    printf '#!/bin/sh\nid quietadmin > /dev/null 2>&1 || useradd -m -s /bin/bash quietadmin\n' \
        > site/DEBIAN/postinst
    chmod 755 site/DEBIAN/postinst
    dpkg-deb --root-owner-group -b site site.deb > /dev/null
    quietly dpkg -i site.deb
}

daily() {
    for job in /etc/cron.daily/*; do
        case $job in
            # They wait for a random time, or walk over all of the disk.
            */apt-compat | */locate | */man-db | */quiet) ;;
            *) (cd / && sh -c "test -x '$job' && run-parts --regex '^${job##*/}\$' /etc/cron.daily") \
                > /dev/null 2>&1 || true ;;
        esac
    done
    if has mandb; then timeout 3 mandb -q -u /usr/share/man/man8 > /dev/null 2>&1 || true; fi
    find /usr/share/doc -xdev -name copyright > /var/lib/names
    ldconfig
    if has systemd-tmpfiles; then
        mkdir -p /tmp/old && touch -d '40 days ago' /tmp/old/file
        systemd-tmpfiles --clean > /dev/null 2>&1 || true
        systemd-tmpfiles --create --prefix=/run/lock > /dev/null 2>&1 || true
    fi
}

logs() {
    mkdir -p /var/log/site
    (busybox syslogd -n -O /var/log/auth.log &)
    for n in $(seq 20); do
        logger -p auth.info "Failed password for user$n" 2> /dev/null || sleep 0.1
    done
    for n in $(seq 200); do echo "127.0.0.1 GET /$n 200"; done >> /var/log/site/access.log
    if has logrotate; then
        printf '/var/log/site/*.log /var/log/auth.log {\n rotate 3\n compress\n create 640\n%s\n}\n' \
            ' postrotate
 true
 endscript' > /etc/logrotate.d/site
        quietly logrotate -f /etc/logrotate.d/site
    fi
}

# What the administrator types, logged in.
ADMIN='cd /var/log; tail -n 5 site/access.log; ls -l | sort | head -n 3
zgrep -c "Failed password" auth.log*; grep -rh GET site | cut -d" " -f3 | sort | uniq -c | wc -l
head -c 100 dpkg.log; less -F site/access.log < /dev/null | tail -n 1; dmesg | tail -n 2
sudo tail -n 1 /var/log/auth.log; sudo -u www-data id; sudo -l
ps aux | grep sshd | head -n 1; df -h | head -n 2; ss -tln; ip addr; uptime; free
sudo sh -c "echo vm.swappiness=10 > /etc/sysctl.d/90-site.conf"
sudo cp -p /etc/ssh/sshd_config /etc/ssh/sshd_config.old
printf "0 3 * * * true\n" | crontab -; crontab -l; history | tail -n 1'

# A program may take what was typed for the next one: the last word is said until it is heard.
type_in() {
    printf '%s\n' "$1"
    while echo exit 2> /dev/null; do sleep 0.3; done
}

logins() {
    has ssh && test -x /usr/sbin/sshd || return 0
    # What this host adds to a shell is not what is tried.
    rm -f /root/.bashrc /root/.profile /root/.bash_profile
    mkdir -p /run/sshd
    pgrep -x sshd > /dev/null || /usr/sbin/sshd
    options="-i /var/tmp/site/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/run/known
        -o LogLevel=ERROR -o BatchMode=yes -o IdentityAgent=none"
    for user in root quietadmin; do
        test "$(ssh $options $user@127.0.0.1 echo in)" = in
        type_in "$ADMIN" | ssh -tt $options $user@127.0.0.1 > /run/session 2>&1
        grep -q sshd /run/session
    done
    echo hello > /run/copied
    scp $options /run/copied quietadmin@127.0.0.1:copied
    if has rsync; then rsync -a -e "ssh $options" /srv/www/ root@127.0.0.1:/srv/mirror/; fi
    if has vim; then
        edit='vim -es -u NONE -c "set swapfile" -c "normal ggO# edited" -c wq'
        type_in "$edit /etc/ssh/sshd_config" | ssh -tt $options root@127.0.0.1 > /dev/null 2>&1
        grep -q '# edited' /etc/ssh/sshd_config
    fi
}

services() {
    cd /srv
    (busybox httpd -f -p 127.0.0.1:8080 -h /srv/www > /var/log/site/httpd.log 2>&1 &)
    for n in 1 2 3 4 5; do busybox wget -q -O - http://127.0.0.1:8080/ > /dev/null || sleep 0.2; done
    if has sqlite3; then
        mkdir -p /var/lib/site
        sqlite3 /var/lib/site/db 'create table if not exists t(a); insert into t values (1);'
        sqlite3 /var/lib/site/db .dump > /var/backups/site.sql
    fi
    tar czf /var/backups/etc.tar.gz -C / etc srv
    cp -a /srv/www /var/backups/www
    if has rsync; then rsync -a --delete /etc/ /var/backups/etc/; fi
    if has gpg; then echo a | gpg --batch --dearmor > /dev/null 2>&1 || true; fi
}

certificates() {
    has openssl || return 0
    mkdir -p /etc/ssl/private /etc/ssl/certs /etc/letsencrypt/archive /etc/letsencrypt/live
    quietly openssl req -x509 -newkey rsa:2048 -nodes -days 90 -subj /CN=server.example \
        -keyout /etc/letsencrypt/archive/key1.pem -out /etc/letsencrypt/archive/cert1.pem
    chmod 600 /etc/letsencrypt/archive/key1.pem
    ln -sfn ../archive/cert1.pem /etc/letsencrypt/live/cert.pem
    cp /etc/letsencrypt/live/cert.pem /etc/ssl/certs/site.pem
    cp /etc/letsencrypt/archive/key1.pem /etc/ssl/private/site.key
    if has update-ca-certificates; then quietly update-ca-certificates; fi
    openssl x509 -in /etc/ssl/certs/site.pem -noout -enddate > /dev/null
}

if has ssh-keygen && has dpkg-deb; then
    if ls "$packages"/*.deb > /dev/null 2>&1; then
        quietly dpkg --force-confnew --force-confmiss -i "$packages"/cron-daemon-common*.deb
        quietly dpkg --force-confnew --force-confmiss -i "$packages"/*.deb
    fi
    configure
fi
logs
logins
services
certificates
daily
