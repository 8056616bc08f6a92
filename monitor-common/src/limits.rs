//! Every bound of the kernel side, with its reason.

/// Longest file path that is recorded, in bytes: `PATH_MAX`, which the kernel itself enforces on
/// names that are passed to it.
pub const PATH_BYTES: usize = 4096;

/// Directories that a path walk climbs before it gives up and marks the path as cut: as many as a
/// path of [`PATH_BYTES`] can have.
pub const PATH_DEPTH: u32 = 2048;

/// Longest working directory that is recorded.
pub const CWD_BYTES: usize = 1024;

/// Longest program name, as it was passed to `execve`, that is recorded.
pub const FILENAME_BYTES: usize = 2048;

/// Bytes of the environment that are recorded. Of a longer one the record has the variables that
/// are asked for.
pub const ENV_BYTES: usize = 8192;

/// Environment variables that can be asked for by name where not all of them are recorded.
pub const ENV_KEYS: usize = 16;

/// Bytes of one variable of a long environment that are recorded.
pub const ENV_VARIABLE_BYTES: usize = 2048;

/// Variables of a long environment that are looked at.
pub const ENV_VARIABLES: u32 = 16384;

/// Bytes of the argument vector that are recorded.
pub const ARGV_BYTES: usize = 16384;

/// Bytes of the argument vector that `Image::args_hash` covers when it is longer than
/// [`ARGV_BYTES`]: `MAX_ARG_STRLEN`, the longest single argument.
pub const ARGV_HASH_BYTES: usize = 131_072;

/// Longest AF_UNIX address, `UNIX_PATH_MAX`.
pub const UNIX_PATH_BYTES: usize = 108;

/// Room for the header and the largest fixed body.
pub const FIXED_BYTES: usize = 512;

/// Longest record. A per-CPU array value may have 32768 bytes at most (`PCPU_MIN_UNIT_SIZE`),
/// and the record is built in one.
pub const RECORD_BYTES: usize =
    FIXED_BYTES + PATH_BYTES + FILENAME_BYTES + CWD_BYTES + ENV_BYTES + ARGV_BYTES;

/// Scratch slots a CPU: a program can be interrupted or preempted by others on the same CPU.
pub const SCRATCH_SLOTS: u32 = 4;

/// Monitor processes whose own acts are left out.
pub const SELF_PIDS: usize = 8;

/// Programs, maps and links of the monitor that are known as its own; others are taken for those of
/// others. There are less than a hundred of each.
pub const OWN_OBJECTS: u32 = 512;

/// Cgroups whose losses are counted one by one; what does not fit is counted in the totals only.
pub const LOSS_CGROUPS: u32 = 4096;

/// Cgroups of which it is noted which system calls they make; those of further ones are counted.
pub const SYSCALL_CGROUPS: u32 = 4096;

/// System calls that can be noted, by number; those of every supported architecture are below.
pub const SYSCALL_NUMBERS: usize = 512;

/// Marks of a cgroup: a byte for each system call by number, and one for calls of the 32-bit kind,
/// in whole words.
pub const SYSCALL_MARKS: usize = SYSCALL_NUMBERS + 8;

/// The mark of calls of the 32-bit kind, whose numbers are others.
pub const SYSCALL_NARROW: usize = SYSCALL_NUMBERS;

/// System-call numbers that a table has room for; those of every supported architecture are below.
pub const CALL_NUMBERS: usize = 1024;

/// Longest name of an extended attribute (`XATTR_NAME_MAX`), of a BPF object, of a memfd or of a
/// type of file system, with its final zero.
pub const TEXT_BYTES: usize = 256;

/// Bytes of a path that the filter looks at: of longer texts of rules it has the start.
pub const FILTER_PATH_BYTES: usize = 128;

/// Bytes of a file name that the filter looks at, the number of the filter before them included.
pub const FILTER_NAME_BYTES: usize = 48;

/// Paths, and names, that the filter has room for, in two versions while one takes over.
pub const FILTER_ENTRIES: u32 = 16384;

/// Directories of which the filter remembers on each CPU that no rule is about a file in them; a
/// power of two.
pub const FILTER_DIRECTORIES: u32 = 1024;

/// Token buckets; the one that was not used for longest goes first, and is full when it comes back.
pub const BUCKETS: u32 = 16384;

/// Connection attempts whose end is awaited at once; the oldest is forgotten first.
pub const PENDING_CONNECTS: u32 = 16384;

/// Distinct (process, destination) pairs whose repeated datagrams are collapsed.
pub const SEND_REPEATS: u32 = 16384;

/// A repeat is collapsed when it follows its like within this time; then it is told of again.
pub const SEND_REPEAT_NS: u64 = 1_000_000_000;

/// Bytes of a message of the domain name system that are recorded: what a server may send in one
/// datagram to who follows the common advice (DNS Flag Day 2020). Names are learned from the start
/// of longer ones.
pub const DNS_BYTES: usize = 1232;

/// Sockets of which it is known who last asked a name server by them; the oldest goes first.
pub const DNS_SOCKETS: u32 = 4096;

const _: () = assert!(RECORD_BYTES <= 32768 - 256);
