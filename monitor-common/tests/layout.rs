//! The layout of the wire, member by member. A change here raises `WIRE_VERSION`.

use core::mem::offset_of;

use monitor_common::{
    Act, CallSpec, Cgroup, Dns, DropReason, Exit, FileFacts, FileOpen, Fork, Header, Image, Member,
    Program, RecordKind, Socket, WIRE_VERSION, counter,
    limits::{FIXED_BYTES, RECORD_BYTES},
    member::MEMBERS,
};

macro_rules! layout {
    ($type:ty, $size:literal: $($member:ident $offset:literal),* $(,)?) => {
        assert_eq!(size_of::<$type>(), $size, "{}", stringify!($type));
        $(assert_eq!(
            offset_of!($type, $member),
            $offset,
            "{}.{}", stringify!($type), stringify!($member),
        );)*
    };
}

#[test]
fn version_1() {
    assert_eq!(WIRE_VERSION, 1);
    layout!(Header, 136: len 0, kind 4, origin 6, flags 7, stream 8, program 12, sequence 16,
        boottime_ns 24, pid 32, tid 36, start_ns 40, parent_pid 48, namespace_pid 52,
        parent_start_ns 56, uid 64, gid 68, euid 72, egid 76, loginuid 80, outcome 84,
        cgroup_id 88, cgroup_hierarchy 96, mount_namespace 100, pid_namespace 104,
        network_namespace 108, user_namespace 112, session_id 116, comm 120);
    layout!(FileFacts, 32: inode 0, device 8, mode 12, magic 16, links 20, uid 24, flags 28);
    layout!(Image, 120: file 0, size 32, mtime_ns 40, ctime_ns 48, cap_effective 56,
        cap_permitted 64, args_hash 72, args_total 80, args_count 84, tty 88, seccomp 92,
        image_flags 93, stdio 94, _reserved 97, path_len 100, filename_len 104, cwd_len 108,
        env_len 112, args_len 116);
    layout!(Fork, 16: child_start_ns 0, child_pid 8, child_namespace_pid 12);
    layout!(Exit, 8: status 0, _reserved 4);
    layout!(Socket, 64: source 0, destination 16, socket_id 32, repeats 40, family 44,
        protocol 46, source_port 48, destination_port 50, socket_type 52, _reserved 54,
        unix_len 56, descriptor 60);
    layout!(Act, 96: file 0, numbers 32, path_len 80, base_len 84, other_len 88, other_base_len 92);
    layout!(CallSpec, 36: kind 0, otherwise 2, mask 4, test 8, path 10, base 12, other 14,
        other_base 16, third 18, object 20, numbers 22, flags 34);
    layout!(FileOpen, 48: file 0, open_flags 32, created 36, path_len 40, cwd_len 44);
    layout!(Dns, 56: socket_id 0, source 8, destination 24, source_port 40, destination_port 42,
        protocol 44, _reserved 46, message_total 48, message_len 52);
    layout!(Cgroup, 16: id 0, hierarchy 8, path_len 12);
}

#[test]
fn numbers_are_kept() {
    let kinds: Vec<(u16, &str)> =
        RecordKind::ALL.iter().map(|kind| (*kind as u16, kind.name())).collect();
    let expected = [
        "task",
        "exec",
        "fork",
        "exit",
        "connect",
        "send",
        "file_open",
        "cgroup_mkdir",
        "cgroup_rmdir",
        "file_read",
        "file_receive",
        "rename",
        "link",
        "symlink",
        "unlink",
        "mkdir",
        "rmdir",
        "mknod",
        "truncate",
        "chmod",
        "chown",
        "utimes",
        "xattr",
        "map",
        "protect",
        "accept",
        "listen",
        "bind",
        "socket",
        "dup",
        "ptrace",
        "bpf",
        "module",
        "mount",
        "umount",
        "setns",
        "unshare",
        "pivot_root",
        "chroot",
        "setuid",
        "setgid",
        "capset",
        "memfd",
        "userfaultfd",
        "signal",
        "dns_query",
        "dns_answer",
    ];
    assert_eq!(kinds, (0..).zip(expected).collect::<Vec<_>>());
    for number in 0..=u16::MAX {
        let found = RecordKind::try_from(number).map(|kind| kind as u16);
        assert_eq!(found.ok(), (usize::from(number) < RecordKind::COUNT).then_some(number));
    }
    for (number, program) in (0_u32..).zip(Program::ALL) {
        assert_eq!((program as u32, Program::try_from(number)), (number, Ok(program)));
        assert!(program.name().len() <= 15, "the kernel cuts {}", program.name());
    }
    let after = u32::try_from(Program::COUNT).unwrap();
    assert_eq!(Program::try_from(after), Err(after));
}

/// No two counters share a place, and all places are taken.
#[test]
fn counters_are_apart() {
    let mut places = Vec::new();
    for kind in RecordKind::ALL {
        places.extend([
            counter::attempted(kind),
            counter::submitted(kind),
            counter::collapsed(kind),
        ]);
        places.push(counter::filtered(kind));
        places.extend(DropReason::ALL.map(|reason| counter::dropped(kind, reason)));
    }
    places.extend(Program::ALL.map(counter::own_acts));
    places.extend([
        counter::PATH_TRUNCATED,
        counter::ARGS_TRUNCATED,
        counter::LOSS_UNATTRIBUTED,
        counter::PENDING_FULL,
        counter::REPEATS_FULL,
        counter::BUCKETS_FULL,
        counter::DNS_SOCKETS_FULL,
        counter::SYSCALLS_FULL,
    ]);
    places.sort_unstable();
    assert_eq!(places, (0..counter::COUNT).collect::<Vec<_>>());
}

#[test]
fn every_body_has_room() {
    for kind in RecordKind::ALL {
        assert!(size_of::<Header>() + kind.body_bytes() <= FIXED_BYTES, "{}", kind.name());
    }
    const { assert!(RECORD_BYTES < 32_768) };
    assert_eq!(MEMBERS.len(), Member::COUNT);
}
