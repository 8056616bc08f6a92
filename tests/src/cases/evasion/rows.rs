//! The ways to evade a monitor that are known, and what comes of each.

use super::table::Verdict::{Else, Part, Seen, Unseen};
use super::table::{Row, SEEN, Verdict, row, untested};

/// Acts on names, as the fallback has them.
const NAMES: Verdict = Else(
    "told of by the name that the call was given, read from user memory \
                             after the act; links in it are not resolved, and a full name of a \
                             process in a chroot is told as if it began at the real root",
);

/// Calls that hooks on the call itself do not see from 32-bit programs.
const COMPAT: Verdict = Part("not unshare, setns, memfd_create and userfaultfd by 32-bit calls");

/// Descriptors from before, of files and of connections.
const OLDER: Verdict = Unseen(
    "no hook sees a write, only what it needs: an open, a descriptor that \
                               comes in, a connection; these were there before the monitor",
);

/// Every row.
pub const ROWS: &[Row] = &[
    row(
        1,
        "Requests in an io_uring, also one that the kernel polls (SQPOLL)",
        [Seen, Seen, Part("not opens where the kernel lacks the tracepoints for it (5.10)")],
        &["evasion::ring_that_the_kernel_polls", "network::connect_through_io_uring"],
    ),
    row(
        2,
        "Arguments that are rewritten while the kernel looks at them",
        SEEN,
        &[
            "evasion::path_is_rewritten_meanwhile",
            "evasion::descriptor_is_closed_meanwhile",
            "evasion::address_is_rewritten_meanwhile",
        ],
    ),
    row(
        3,
        "A program in memory, deleted, or named by its descriptor",
        SEEN,
        &[
            "processes::ways_to_start_a_program_on_the_host",
            "evasion::program_is_named_by_its_descriptor",
        ],
    ),
    row(
        4,
        "A script for an interpreter: a file, an argument, standard input",
        [Part("not what is read from standard input; that an interpreter was started is"); 3],
        &[
            "processes::ways_to_start_a_program_on_the_host",
            "evasion::interpreter_is_given_a_script",
        ],
    ),
    row(
        5,
        "The dynamic loader runs a file, or is told to by variables",
        SEEN,
        &[
            "evasion::loader_is_given_a_program",
            "evasion::deep_paths_and_long_environments_hide_nothing",
        ],
    ),
    row(
        6,
        "Symbolic links, `..` and /proc in the path",
        SEEN,
        &["evasion::other_names_of_a_file", "evasion::kernel_switches_by_other_names"],
    ),
    row(
        7,
        "A bind mount as another name",
        [Else("told of by the name below the mount, with the device and inode of the file"); 3],
        &["evasion::other_names_of_a_file"],
    ),
    row(
        8,
        "A file is moved over another, or a directory away",
        [Seen, Seen, NAMES],
        &["acts::names_on_the_host"],
    ),
    row(
        9,
        "A hard link, which is written to",
        [
            Seen,
            Seen,
            Else(
                "the link as the call named it, of a process in a chroot as if that were the real \
             root; the write with the file's inode",
            ),
        ],
        &["acts::names_on_the_host", "evasion::other_names_of_a_file"],
    ),
    row(
        10,
        "A shared mapping is written to, or memory made executable",
        SEEN,
        &["evasion::files_are_changed_without_write", "acts::deeds"],
    ),
    row(
        11,
        "splice, tee, sendfile, copy_file_range, fallocate, FICLONE",
        SEEN,
        &["evasion::files_are_changed_without_write"],
    ),
    row(
        12,
        "A file without a name that gets one, or is opened by its handle",
        [Seen, Seen, Part("the link has the names that the call was given, not the file's inode")],
        &["evasion::unnamed_file_gets_a_name", "evasion::other_names_of_a_file"],
    ),
    row(
        13,
        "truncate, chmod, chown, times and attributes by path",
        [Seen, Seen, NAMES],
        &["acts::names_on_the_host"],
    ),
    row(
        14,
        "A descriptor that comes in, is taken, or was there before",
        [
            Part("not what is written through descriptors from before the monitor"),
            Part("not what is written through descriptors from before the monitor"),
            Part(
                "not descriptors that come in over a socket (SCM_RIGHTS), nor what is written \
                  through those from before the monitor",
            ),
        ],
        &[
            "acts::deeds",
            "evasion::descriptor_is_taken_from_another",
            "evasion::what_was_open_before_is_not_seen",
        ],
    ),
    row(15, "ptrace", SEEN, &["acts::processes_and_the_system", "acts::deeds"]),
    row(16, "process_vm_writev", SEEN, &["acts::deeds"]),
    row(
        17,
        "/proc/PID/mem is written to",
        [Seen, Seen, Part("only that it is opened, not that this is tracing")],
        &["evasion::memory_is_opened_as_a_file", "acts::deeds"],
    ),
    row(
        18,
        "Files that make the kernel start programs (core_pattern, modprobe, poweroff_cmd, \
         release_agent: those that the kernel has)",
        SEEN,
        &["evasion::kernel_switches_by_other_names"],
    ),
    row(
        19,
        "A process moves itself to another cgroup",
        SEEN,
        &["evasion::container_moves_to_another_cgroup"],
    ),
    row(
        20,
        "Namespaces of one's own, pivot_root, chroot",
        [COMPAT, COMPAT, Seen],
        &[
            "evasion::namespaces_do_not_hide_the_container",
            "acts::processes_and_the_system",
            "acts::deeds",
        ],
    ),
    row(
        21,
        "The newer calls that mount (open_tree, fsmount, move_mount)",
        [Seen, Seen, NAMES],
        &["acts::processes_and_the_system"],
    ),
    row(
        22,
        "Calls of 32-bit programs",
        [COMPAT, COMPAT, Seen],
        &[
            "acts::processes_and_the_system",
            "acts::names_on_the_host",
            "files::every_call_on_the_host",
        ],
    ),
    row(
        23,
        "Sister calls (openat2, execveat, renameat2, pwritev2)",
        SEEN,
        &[
            "files::every_call_on_the_host",
            "acts::names_on_the_host",
            "evasion::files_are_changed_without_write",
        ],
    ),
    row(
        24,
        "Very long arguments, environments and paths",
        [Part("what is over the bounds is cut, and said to be"); 3],
        &[
            "processes::long_arguments_are_cut_and_hashed",
            "evasion::path_is_longer_than_a_record",
            "evasion::deep_paths_and_long_environments_hide_nothing",
        ],
    ),
    row(25, "A flood, to hide among it", SEEN, &["flood::hides_nothing"]),
    row(
        26,
        "vfork, an exec by another thread, a process id used again",
        SEEN,
        &["processes::ways_to_start_a_program_on_the_host", "evasion::process_id_is_used_again"],
    ),
    row(
        27,
        "A false first argument, a false thread name",
        SEEN,
        &["evasion::programs_in_disguise"],
    ),
    row(
        28,
        "An image under the name of another: its digest is told",
        [Part(
            "of a container that was there before the monitor it is \
              unknown, once the name means another",
        ); 3],
        &["evasion::image_takes_the_name_of_another"],
    ),
    row(29, "One binary with many names (busybox)", SEEN, &["evasion::one_binary_has_many_names"]),
    row(
        30,
        "The monitor is killed, stopped or traced",
        [Part("not SIGKILL, which ends it first: heartbeats cease"); 3],
        &["self_watch::attempts_on_the_monitor_are_alerts"],
    ),
    row(
        31,
        "The monitor's programs, maps and links are reached, or taken from it",
        [Seen, Seen, Part("not where another thread rewrites the number before the call returns")],
        &[
            "evasion::programs_of_the_monitor_are_reached",
            "self_watch::attempts_on_the_monitor_are_alerts",
        ],
    ),
    untested(
        32,
        "Hooks are switched off (ftrace_enabled, kprobes/enabled)",
        "it would switch off what other monitors of the host see; that a hook went silent is told \
         (`self_watch::a_silent_hook_is_told_of`), and the switch is a file as in row 18",
    ),
    row(
        33,
        "Raw, packet, vsock, AF_UNIX and netlink sockets",
        [
            Part("netlink is not; of packet and vsock sockets only that they are made"),
            Part("netlink is not; of packet and vsock sockets only that they are made"),
            Part(
                "AF_UNIX and netlink are not; of raw, packet and vsock sockets only that they are \
                  made",
            ),
        ],
        &["evasion::sockets_of_other_families", "acts::processes_and_the_system"],
    ),
    row(34, "TCP Fast Open", SEEN, &["network::every_way_out_on_the_host"]),
    row(
        35,
        "Multipath TCP, SCTP",
        [Part("SCTP could not be tried: 6.18 here and the guests do not have it"); 3],
        &["evasion::multipath_connections"],
    ),
    row(
        36,
        "IPv4 in IPv6 form, 0.0.0.0, ::, NAT64",
        SEEN,
        &["evasion::addresses_that_mean_another", "network::every_way_out_on_the_host"],
    ),
    row(
        37,
        "A connection from before the monitor",
        [OLDER; 3],
        &["evasion::what_was_open_before_is_not_seen"],
    ),
    untested(
        38,
        "An attacker in the kernel before the monitor",
        "nothing that the kernel says can be relied on then",
    ),
    row(
        39,
        "A disk is written to past its file system; overlay copies up",
        SEEN,
        &["evasion::disk_is_opened", "evasion::copying_up_is_nobodys_act"],
    ),
    row(
        40,
        "Names and arguments that are meant for the monitor or its reader",
        SEEN,
        &["files::names_that_are_not_utf8", "evasion::arguments_that_are_meant_for_the_reader"],
    ),
];
