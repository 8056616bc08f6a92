//! A few minutes on a host, as records: ordinary acts, attacks, and bytes that an attacker chose.

use monitor_common::{FileFacts, FileOpen, Socket, body::file_flags};

use super::{
    ProgramStart, Record, Who, cgroup_mkdir, cgroup_rmdir, connect, dns, exec, exit, file_facts,
    fork, open, send, task, tcp4, write_to,
};

/// Path of the container's cgroup.
pub const CGROUP: &str = "/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// Its id.
pub const CONTAINER: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Terminal escapes, line ends, quotes, text that turns around, and bytes that are no text.
pub const HOSTILE: &[u8] =
    b"\x1b[31mred\x1b]0;title\x07\r\n\"quote\"\\'\t\xe2\x80\xaereversed\xe2\x80\xac\xe2\x81\xa6\xc2\x9b\xff\xfe\x7f</script>%s%n";

/// A part of what happened.
pub enum Part {
    Record(Record),
    /// The metadata task answers about the container.
    Facts,
}

/// All of it, in order; records are numbered and a millisecond apart.
pub fn parts() -> Vec<Part> {
    let inside = Who::new(200).in_cgroup(50);
    let mut parts: Vec<Part> = vec![
        Part::Record(task(Who { parent_pid: 0, ..Who::new(1) }, "/sbin/init", b"init\0")),
        Part::Record(cgroup_mkdir((0, 50), CGROUP)),
        Part::Record(fork(Who::new(1), Who::new(200))),
        Part::Record(exec(inside, "/usr/bin/runc", b"runc\0init\0")),
        Part::Record(shell(inside)),
        Part::Facts,
    ];
    parts.extend(processes(inside).into_iter().map(Part::Record));
    parts.extend(sockets(inside).into_iter().map(Part::Record));
    parts.extend(files(inside).into_iter().map(Part::Record));
    parts.push(Part::Record(exit(inside, 9)));
    parts.push(Part::Record(cgroup_rmdir((0, 50), CGROUP)));
    parts.push(Part::Record(exit(Who::new(4000), 3 << 8)));
    parts.extend(names(Who::new(1).child(300)).into_iter().map(Part::Record));
    let mut number = 0;
    for part in &mut parts {
        if let Part::Record(record) = part {
            number += 1;
            *record = record.clone().numbered(number).after_ns(number * 1_000_000);
        }
    }
    parts
}

/// A shell on a terminal in the container, while its facts are still asked for.
fn shell(inside: Who) -> Record {
    let mut start = ProgramStart::new("/bin/bash", b"bash\0-i\0");
    start.image.tty = 136 << 20 | 3;
    start.image.stdio = [3, 3, 3];
    start.env = b"PATH=/usr/bin:/bin\0SECRET=hunter2\0";
    start.image.cap_effective = 0xa800_25fb;
    start.exec(inside)
}

fn processes(inside: Who) -> Vec<Record> {
    let child = inside.child(201);
    let hostile_args = [b"x\0".as_slice(), HOSTILE, b"\0", &b"a".repeat(700), b"\0"].concat();
    let mut hostile = ProgramStart::new("", &hostile_args);
    let path = [b"/tmp/".as_slice(), HOSTILE].concat();
    (hostile.path, hostile.filename, hostile.cwd) = (&path, HOSTILE, HOSTILE);
    hostile.image.args_total = 200_000;
    hostile.image.args_hash = 0x1234_5678_9abc_def0;
    hostile.image.file.flags = file_flags::UPPER;
    let mut memfd = ProgramStart::new("/memfd:x (deleted)", b"/proc/self/fd/3\0");
    memfd.image.file = FileFacts { links: 0, flags: file_flags::INTERNAL_MOUNT, ..file_facts() };
    let mut script = ProgramStart::new("/bin/sh", b"sh\0./install.sh\0");
    (script.filename, script.cwd, script.image.image_flags) = (b"./install.sh", b"/opt/app", 1);
    vec![
        fork(inside, child),
        hostile.exec(child).with(|header| header.comm = *b"\x1b[2Jx\"y\n\xff\0\0\0\0\0\0\0"),
        memfd.exec(child),
        script.exec(child).with(|header| (header.uid, header.loginuid) = (1000, 1000)),
        exit(child, 127 << 8),
    ]
}

fn sockets(inside: Who) -> Vec<Record> {
    let mut v6 = Socket { family: 10, protocol: 6, socket_type: 1, ..tcp4([0; 4], 8443) };
    v6.destination = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
    let unix = Socket { family: 1, socket_type: 1, ..Socket::default() };
    let bound = Socket { source_port: 40_000, source: [10; 16], ..tcp4([169, 254, 169, 254], 80) };
    let query = Socket { protocol: 17, socket_type: 2, ..tcp4([192, 0, 2, 53], 53) };
    vec![
        connect(inside, tcp4([203, 0, 113, 7], 4444), b"").outcome(-115),
        connect(inside, bound, b""),
        connect(inside, v6, b"").outcome(-111),
        connect(inside, unix, b"/run/docker.sock"),
        connect(inside, unix, &[b"\0".as_slice(), HOSTILE].concat()),
        send(inside, query),
        send(inside, Socket { repeats: 41, ..query }).outcome(i32::MIN),
    ]
}

/// On the host names are asked for, one of them goes by another, and one is an attacker's; an address
/// is gone to that was told.
fn names(who: Who) -> Vec<Record> {
    let shop = dns::question(7, "Shop.Example", dns::A);
    let told = shop.clone().answered(0).alias("shop.example", "cdn.example");
    let told = told.v4("cdn.example", 0, [203, 0, 113, 80]);
    let text = dns::question(8, "\x1b[31m.evil.example", dns::TXT);
    let data = [&[u8::try_from(HOSTILE.len()).unwrap()][..], HOSTILE].concat();
    let replied = text.clone().answered(0).with("\x1b[31m.evil.example", dns::TXT, 1, &data);
    let missing = dns::question(9, "nowhere.example", dns::AAAA);
    vec![
        fork(Who::new(1), who),
        exec(who, "/usr/bin/getent", b"getent\0hosts\0shop.example\0"),
        dns::query(who, 70, &shop),
        dns::answer(who, 70, &told),
        connect(who, tcp4([203, 0, 113, 80], 443), b"").outcome(-115),
        dns::query(who, 70, &text),
        dns::answer(who, 70, &replied),
        dns::query(who, 71, &missing),
        dns::answer(who, 71, &missing.answered(3)),
        dns::answer_to_nobody(1, 72, &told),
        dns::query(who, 73, &dns::Message(vec![0xff; 40])),
    ]
}

fn files(inside: Who) -> Vec<Record> {
    let created = FileOpen {
        file: FileFacts { mode: 0o100_600, flags: file_flags::UPPER, ..file_facts() },
        open_flags: 0o102,
        created: 1,
        ..FileOpen::default()
    };
    let refused = FileOpen { open_flags: 1, ..FileOpen::default() };
    vec![
        write_to(inside, b"/etc/ld.so.preload"),
        open(inside, created, b"/root/.ssh/authorized_keys", b""),
        open(inside, refused, b"../../etc/shadow", b"/srv/app").outcome(-13).with(|header| {
            (header.origin, header.flags) = (2, 2 | 4);
        }),
        write_to(inside, HOSTILE).with(|header| header.flags = 1),
        write_to(Who::new(4000), b"/etc/passwd"),
    ]
}
