# Servers of each sort, and clients of theirs, over loopback, until it is killed.
# 8080 has no TLS; 8441 asks its clients for certificates by TLS 1.2, 8442 does not; 8443 asks by
# TLS 1.3; 8444 is spoken to by nobody, and 8445 has no TLS and others cannot come to it.
cd /host || exit 1
export OPENSSL_CONF=/dev/null
server() {
    port=$1
    shift
    openssl s_server -accept "$port" -cert cert.pem -key key.pem -CAfile cert.pem "$@" < /tmp/never \
        > /dev/null 2>&1 &
}
client() {
    openssl s_client -connect "$@" -cert cert.pem -key key.pem < /dev/null > /dev/null 2>&1
}
mkfifo /tmp/never
sleep 1000000 > /tmp/never &
server 8441 -tls1_2 -Verify 1
server 8442 -tls1_2
server 8443 -tls1_3 -Verify 1
server 8444 -tls1_3
busybox httpd -f -p 8080 -h /host &
busybox httpd -f -p 127.0.0.1:8445 -h /host &
while sleep 0.2; do
    client 127.0.0.1:8441
    client 127.0.0.1:8442
    client "[::1]:8443"
    for port in 8080 8445; do
        busybox wget -q -O /dev/null "http://127.0.0.1:$port/cert.pem"
    done
done
