//! Connections and datagrams, which are looked at by where they go, and acts by who acts.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket};
use serde_json::Value;

use crate::daemon::{Ended, Options, is_alert};
use crate::lab::Stage;

fn rule(name: &str, condition: &str) -> String {
    format!(
        "- rule: {name}\n  desc: d\n  condition: {condition}\n  output: o\n  priority: notice\n"
    )
}

/// Rule, remote end, path and outcome of each alert, as often as there were such.
fn of_acts(documents: &[Value]) -> Vec<[String; 5]> {
    let mut all: Vec<_> = documents
        .iter()
        .filter(|it| is_alert(it))
        .map(|it| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            [
                text(&it["rule"]["name"]),
                text(&it["destination"]["ip"]),
                it["destination"]["port"].to_string(),
                text(&it["file"]["path"]),
                text(&it["event"]["outcome"]),
            ]
        })
        .collect();
    all.sort();
    all
}

/// Whether the kernel left out so many acts of some kinds, and nothing where it was told not to.
fn assert_filtered(with: &Ended, without: &Ended, least: &[(&str, u64)]) {
    for (kind, least) in least {
        let filtered = |ended: &Ended| {
            ended.heartbeat()["runmon"]["kernel"]["kinds"][kind]["filtered"].as_u64()
        };
        assert!(filtered(with) >= Some(*least), "{kind}: {:#}", with.heartbeat());
        assert_eq!(filtered(without), Some(0), "{kind}");
    }
}

/// Connections and datagrams to ports that rules name, and to others beside them.
pub(super) fn ports(stage: &Stage<'_>) {
    let listen = |address: &str| TcpListener::bind(address).expect("listen");
    let datagrams = || UdpSocket::bind("127.0.0.1:0").expect("bind");
    let port = |address: io::Result<SocketAddr>| address.expect("an address").port();
    let (v4, v6, udp) = (listen("127.0.0.1:0"), listen("[::1]:0"), datagrams());
    let others = (listen("127.0.0.1:0"), listen("[::1]:0"), datagrams());
    // Nobody listens there, and nobody else is given the port.
    let (closed, closed_too) = (datagrams(), datagrams());
    let rules = [
        rule(
            "connection",
            &format!(
                "evt.type = connect and fd.sport in ({}, {}, {})",
                port(v4.local_addr()),
                port(v6.local_addr()),
                port(closed.local_addr())
            ),
        ),
        rule("datagram", &format!("evt.type = sendto and fd.rport = {}", port(udp.local_addr()))),
    ]
    .concat();
    let daemon = |filters: bool| {
        let keys = format!("kernel_filter: {filters}");
        stage.daemon(Options { rules: Some(rules.clone()), keys, ..Options::default() })
    };
    let (with, without) = (daemon(true), daemon(false));
    let sender = datagrams();
    for (v4, v6, udp) in [&others, &(v4, v6, udp)] {
        for listener in [v6, v4] {
            TcpStream::connect(listener.local_addr().expect("an address")).expect("connect");
        }
        sender.send_to(b"x", udp.local_addr().expect("an address")).expect("send");
    }
    let refused = TcpStream::connect(closed.local_addr().expect("an address"));
    assert!(refused.is_err(), "{refused:?}");
    twice(port(closed.local_addr()), port(closed_too.local_addr()));
    for daemon in [&with, &without] {
        let is_whole = || of_acts(&daemon.documents()).len() >= EACH_TOLD;
        crate::wait::until("the last act", || is_whole().then_some(()));
    }
    let (with, without) = (with.stop(), without.stop());
    assert_eq!(of_acts(&with.documents), of_acts(&without.documents));
    assert_filtered(&with, &without, &[("connect", 2), ("send", 1)]);
}

/// One socket tries to connect to a port that a rule names, which ends before it is begun, and then
/// to one that none names, which is refused: that is not what became of the first.
fn twice(named: u16, other: u16) {
    let family = AddressFamily::Inet;
    let tcp = socket(family, SockType::Stream, SockFlag::empty(), None).expect("make a socket");
    let local = SockaddrIn::new(127, 0, 0, 1, 0);
    bind(tcp.as_raw_fd(), &local).expect("bind");
    // From the own host there is no way there, and where there is no network none at all.
    let nowhere = SockaddrIn::new(192, 0, 2, 1, named);
    let ended = connect(tcp.as_raw_fd(), &nowhere);
    assert!(matches!(ended, Err(Errno::EINVAL | Errno::ENETUNREACH)), "{ended:?}");
    let closed = SockaddrIn::new(127, 0, 0, 1, other);
    assert_eq!(connect(tcp.as_raw_fd(), &closed), Err(Errno::ECONNREFUSED));
}

/// Two connections, a datagram, an attempt that failed, which is told of once or twice, and one
/// that was not begun.
const EACH_TOLD: usize = 5;

/// A user whom nobody else here is.
const USER: u32 = 61234;

/// Connections and datagrams to addresses that rules name and to others, by IPv4, by IPv6 that
/// means IPv4, and by addresses that lead to others; and what is done by a user whom rules name.
pub(super) fn addresses_and_users(stage: &Stage<'_>) {
    let dir = stage.dir("by-users");
    fs::create_dir_all(&dir).expect("make a directory");
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).expect("open the directory");
    let listener = TcpListener::bind("0.0.0.0:0").expect("listen");
    let port = listener.local_addr().expect("an address").port();
    // The port, in a field that the kernel cannot look for, keeps others' connections out.
    let network = "fd.snet in (127.9.0.0/16, 127.0.0.1)";
    let rules = [
        rule("connection", &format!("evt.type = connect and {network} and fd.port = {port}")),
        rule("datagram", "evt.type = sendto and fd.rip = 127.9.9.9"),
        rule(
            "connection-by-user",
            &format!("evt.type = connect and user.uid = {USER} and fd.rport >= 0"),
        ),
        rule(
            "write-by-user",
            &format!("evt.type = open and evt.is_open_write = true and user.uid = {USER}"),
        ),
        rule("read", "evt.type = open and evt.is_open_write = false and fd.name = /runmon-e2e"),
    ]
    .concat();
    let daemon = |filters: bool| {
        let keys = format!("kernel_filter: {filters}");
        stage.daemon(Options { rules: Some(rules.clone()), keys, ..Options::default() })
    };
    let (with, without) = (daemon(true), daemon(false));
    let datagrams = UdpSocket::bind("127.0.0.1:0").expect("bind");
    let other = ["127.8.0.1", "127.9.9.9", "::ffff:127.8.0.1", "::ffff:127.9.0.7", "0.0.0.0"];
    for address in other {
        let address = address.parse().expect("an address");
        let connected = TcpStream::connect(SocketAddr::new(address, port)).expect("connect");
        drop((connected, listener.accept().expect("accept")));
    }
    for address in ["127.8.0.1", "127.9.9.9"] {
        datagrams.send_to(b"x", (address, port)).expect("send");
    }
    let work = format!("echo x > written; echo x | /bin/busybox nc 127.8.0.1 {port}");
    for user in [0, USER] {
        let of_user = dir.join(user.to_string());
        fs::create_dir_all(&of_user).expect("make a directory");
        fs::set_permissions(&of_user, fs::Permissions::from_mode(0o777)).expect("open it");
        let mut shell = Command::new("/bin/busybox");
        shell.args(["sh", "-c", &work]).current_dir(&of_user).uid(user).gid(user);
        let mut shell = shell.spawn().expect("start the work");
        // nc ends when the other end does.
        drop(listener.accept().expect("accept"));
        let status = shell.wait().expect("wait for the work");
        assert!(status.success(), "{status}");
    }
    for daemon in [&with, &without] {
        let last = |it: &[String; 5]| it[0] == "connection-by-user";
        let is_done = || of_acts(&daemon.documents()).iter().any(last);
        crate::wait::until("the last act", || is_done().then_some(()));
    }
    let (with, without) = (with.stop(), without.stop());
    let expected = of_acts(&without.documents);
    assert_eq!(of_acts(&with.documents), expected);
    let each = |rule: &str| expected.iter().filter(|it| it[0] == rule).count();
    let found = ["connection", "datagram", "connection-by-user", "write-by-user"].map(each);
    assert_eq!(found, [3, 1, 1, 1], "{expected:#?}");
    assert_filtered(&with, &without, &[("connect", 3), ("send", 1), ("file_open", 1)]);
}
