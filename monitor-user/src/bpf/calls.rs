//! The table of system calls that acts are told of by, where no function of the kernel shows them:
//! their numbers, and which argument means what.
//!
//! The kernel side knows no call: it is handed this table (`monitor_common::call`).

use monitor_common::{
    CallSpec, RecordKind as Kind,
    call::{NARROW_SHIFT, NO_KIND, Source, flags, source},
    limits::CALL_NUMBERS,
};

/// Program of the calls that [`CallSpec`] describes wholly.
pub const BY_SPEC: u8 = monitor_common::call::BY_SPEC;
/// Program of the calls that open a file.
pub const OPEN: u8 = 1;
/// Program of the calls that accept a connection.
pub const ACCEPT: u8 = 3;
/// Program of the calls that duplicate a descriptor.
pub const DUP: u8 = 4;
/// Program of the call that makes a socket.
pub const SOCKET: u8 = 5;
/// Program of the call that takes a descriptor from a process; it leads on to [`BY_SPEC`].
pub const TAKE: u8 = 6;

/// An architecture does not have the call.
const NONE: u16 = u16::MAX;

const PROT_EXEC: u32 = 4;
const AT_REMOVEDIR: u32 = 0x200;
const PTRACE_ATTACH: u16 = 16;

/// A system call.
#[derive(Clone, Copy)]
pub struct SystemCall {
    /// Numbers on `x86_64`, of its 32-bit calls, and on `aarch64`.
    numbers: [u16; 3],
    /// Place of its program in `CALL_PROGRAMS`.
    program: u8,
    /// A further kind, and the program that tells of it and leads on to `program`.
    also: Option<(Kind, u8)>,
    kinds: [Option<Kind>; 2],
    /// Argument and bits that tell the two kinds apart.
    test: Option<(u8, u32)>,
    path: Option<u8>,
    base: Option<u8>,
    other: Option<u8>,
    other_base: Option<u8>,
    third: Option<u8>,
    object: Option<Number>,
    needs_object: bool,
    second_in_memory: bool,
    values: [Number; 6],
}

/// What a number of a record is taken from.
#[derive(Clone, Copy)]
enum Number {
    Nothing,
    Argument(u8),
    Special(Source),
    Constant(u16),
}

const fn call(numbers: [u16; 3], kind: Kind) -> SystemCall {
    SystemCall {
        numbers,
        program: BY_SPEC,
        also: None,
        kinds: [Some(kind), None],
        test: None,
        path: None,
        base: None,
        other: None,
        other_base: None,
        third: None,
        object: None,
        needs_object: false,
        second_in_memory: false,
        values: [Number::Nothing; 6],
    }
}

impl SystemCall {
    const fn by(mut self, program: u8) -> Self {
        self.program = program;
        self
    }

    const fn also(mut self, kind: Kind, program: u8) -> Self {
        self.also = Some((kind, program));
        self
    }

    const fn second_in_memory(mut self) -> Self {
        self.second_in_memory = true;
        self
    }

    /// The kind where the argument has none of the bits.
    const fn or(mut self, kind: Option<Kind>, argument: u8, bits: u32) -> Self {
        self.kinds[1] = kind;
        self.test = Some((argument, bits));
        self
    }

    const fn path(mut self, argument: u8) -> Self {
        self.path = Some(argument);
        self
    }

    const fn at(mut self, directory: u8, argument: u8) -> Self {
        self.base = Some(directory);
        self.path(argument)
    }

    const fn other(mut self, argument: u8) -> Self {
        self.other = Some(argument);
        self
    }

    const fn other_at(mut self, directory: u8, argument: u8) -> Self {
        self.other_base = Some(directory);
        self.other(argument)
    }

    const fn third(mut self, argument: u8) -> Self {
        self.third = Some(argument);
        self
    }

    const fn object(mut self, argument: u8) -> Self {
        self.object = Some(Number::Argument(argument));
        self
    }

    const fn needs(mut self, object: Number) -> Self {
        self.object = Some(object);
        self.needs_object = true;
        self
    }

    const fn values(mut self, values: [Number; 6]) -> Self {
        self.values = values;
        self
    }

    /// Arguments that are the record's first numbers.
    const fn takes(self, first: u8, second: u8, third: u8) -> Self {
        use Number::{Argument, Nothing};
        self.values([Argument(first), Argument(second), Argument(third), Nothing, Nothing, Nothing])
    }

    const fn take(self, first: u8) -> Self {
        use Number::{Argument, Nothing};
        self.values([Argument(first), Nothing, Nothing, Nothing, Nothing, Nothing])
    }

    /// The kinds of record that the call leads to.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.kinds.into_iter().chain([self.also.map(|(kind, _)| kind)]).flatten()
    }

    /// The program that it is to enter, if it leads to a kind that is asked for.
    fn entered(&self, is_wanted: impl Fn(Kind) -> bool) -> Option<u8> {
        match self.also {
            Some((kind, program)) if is_wanted(kind) => Some(program),
            _ => self.kinds().any(is_wanted).then_some(self.program),
        }
    }

    /// Its places in the table of specs: by number, and by the number of its 32-bit form.
    pub fn places(&self) -> impl Iterator<Item = (usize, bool)> {
        let [wide, narrow, arm] = self.numbers;
        let (native, compat) =
            if cfg!(target_arch = "aarch64") { (arm, NONE) } else { (wide, narrow) };
        [(native, false), (compat, true)]
            .into_iter()
            .filter(|(number, _)| usize::from(*number) < CALL_NUMBERS)
            .map(|(number, narrow)| (usize::from(number), narrow))
    }

    /// What the kernel side is told, where the registers are at these offsets.
    #[must_use]
    pub fn spec(&self, registers: &[Option<u32>; 6], narrow: bool) -> CallSpec {
        let register = |argument: u8| {
            let offset = registers.get(usize::from(argument)).copied().flatten();
            offset.and_then(|offset| Source::try_from(offset + 1).ok()).unwrap_or(0)
        };
        let text = |argument: Option<u8>| argument.map_or(0, register);
        let number = |number: Number| match number {
            Number::Nothing => 0,
            Number::Argument(argument) => register(argument),
            Number::Special(source) => source,
            Number::Constant(value) => source::CONSTANT + value,
        };
        let kind = |kind: Option<Kind>| kind.map_or(NO_KIND, |kind| kind as u16);
        let [first, second] = self.kinds;
        let (test, mask) = self.test.unwrap_or((0, 0));
        CallSpec {
            kind: kind(first),
            otherwise: kind(second),
            mask,
            test: if mask == 0 { 0 } else { register(test) },
            path: text(self.path),
            base: text(self.base),
            other: text(self.other),
            other_base: text(self.other_base),
            third: text(self.third),
            object: self.object.map_or(0, number),
            numbers: self.values.map(number),
            flags: if narrow { flags::NARROW } else { 0 }
                | if self.needs_object { flags::NEEDS_OBJECT } else { 0 }
                | if self.second_in_memory { flags::SECOND_IN_MEMORY } else { 0 },
        }
    }
}

const USERS: [Number; 6] = [
    Number::Special(source::UID),
    Number::Special(source::EUID),
    Number::Special(source::SUID),
    Number::Nothing,
    Number::Nothing,
    Number::Nothing,
];
const GROUPS: [Number; 6] = [
    Number::Special(source::GID),
    Number::Special(source::EGID),
    Number::Special(source::SGID),
    Number::Nothing,
    Number::Nothing,
    Number::Nothing,
];
const CAPABILITIES: [Number; 6] = [
    Number::Special(source::CAP_EFFECTIVE),
    Number::Special(source::CAP_INHERITABLE),
    Number::Special(source::CAP_PERMITTED),
    Number::Nothing,
    Number::Nothing,
    Number::Nothing,
];
const REMOVED: [Number; 6] = [
    Number::Constant(1),
    Number::Nothing,
    Number::Nothing,
    Number::Nothing,
    Number::Nothing,
    Number::Nothing,
];
/// The numbers of a file that came in are not arguments; its second is for the program that is
/// entered first: the process's descriptor.
const TAKEN: [Number; 6] = [
    Number::Nothing,
    Number::Argument(0),
    Number::Nothing,
    Number::Nothing,
    Number::Nothing,
    Number::Nothing,
];
const WRITTEN_TO: [Number; 6] = [
    Number::Constant(PTRACE_ATTACH),
    Number::Argument(0),
    Number::Nothing,
    Number::Nothing,
    Number::Nothing,
    Number::Nothing,
];

/// Opens are decoded by their own program, which knows the flags of each.
const OPENS: [[u16; 3]; 5] = [
    [2, 5, NONE],    // open
    [85, 8, NONE],   // creat
    [257, 295, 56],  // openat
    [304, 342, 265], // open_by_handle_at
    [437, 437, 437], // openat2
];

const fn open(numbers: [u16; 3]) -> SystemCall {
    let mut both = call(numbers, Kind::FileOpen).by(OPEN);
    both.kinds = [Some(Kind::FileOpen), Some(Kind::FileRead)];
    both
}

/// The calls. Numbers: `syscall_64.tbl`, `syscall_32.tbl` and `asm-generic/unistd.h` of Linux 6.17.
pub const CALLS: &[SystemCall] = &[
    open(OPENS[0]),
    open(OPENS[1]),
    open(OPENS[2]),
    open(OPENS[3]),
    open(OPENS[4]),
    // rename, renameat, renameat2
    call([82, 38, NONE], Kind::Rename).path(0).other(1),
    call([264, 302, 38], Kind::Rename).at(0, 1).other_at(2, 3),
    call([316, 353, 276], Kind::Rename).at(0, 1).other_at(2, 3).take(4),
    // link, linkat
    call([86, 9, NONE], Kind::Link).path(0).other(1),
    call([265, 303, 37], Kind::Link).at(0, 1).other_at(2, 3),
    // symlink, symlinkat
    call([88, 83, NONE], Kind::Symlink).path(1).other(0),
    call([266, 304, 36], Kind::Symlink).at(1, 2).other(0),
    // unlink, unlinkat, rmdir
    call([87, 10, NONE], Kind::Unlink).path(0),
    call([263, 301, 35], Kind::Rmdir).or(Some(Kind::Unlink), 2, AT_REMOVEDIR).at(0, 1),
    call([84, 40, NONE], Kind::Rmdir).path(0),
    // mkdir, mkdirat
    call([83, 39, NONE], Kind::Mkdir).path(0).take(1),
    call([258, 296, 34], Kind::Mkdir).at(0, 1).take(2),
    // mknod, mknodat
    call([133, 14, NONE], Kind::Mknod).path(0).takes(1, 2, 6),
    call([259, 297, 33], Kind::Mknod).at(0, 1).takes(2, 3, 6),
    // truncate, truncate64
    call([76, 92, 45], Kind::Truncate).path(0).take(1),
    call([NONE, 193, NONE], Kind::Truncate).path(0).take(1),
    // chmod, fchmod, fchmodat, fchmodat2
    call([90, 15, NONE], Kind::Chmod).path(0).take(1),
    call([91, 94, 52], Kind::Chmod).object(0).take(1),
    call([268, 306, 53], Kind::Chmod).at(0, 1).take(2),
    call([452, 452, 452], Kind::Chmod).at(0, 1).take(2),
    // chown, fchown, lchown, fchownat, and those of 16 bits
    call([92, 212, NONE], Kind::Chown).path(0).takes(1, 2, 6),
    call([93, 207, 55], Kind::Chown).object(0).takes(1, 2, 6),
    call([94, 198, NONE], Kind::Chown).path(0).takes(1, 2, 6),
    call([260, 298, 54], Kind::Chown).at(0, 1).takes(2, 3, 6),
    call([NONE, 182, NONE], Kind::Chown).path(0).takes(1, 2, 6),
    call([NONE, 95, NONE], Kind::Chown).object(0).takes(1, 2, 6),
    call([NONE, 16, NONE], Kind::Chown).path(0).takes(1, 2, 6),
    // utime, utimes, futimesat, utimensat, utimensat_time64
    call([132, 30, NONE], Kind::Utimes).path(0),
    call([235, 271, NONE], Kind::Utimes).path(0),
    call([261, 299, NONE], Kind::Utimes).at(0, 1),
    call([280, 320, 88], Kind::Utimes).at(0, 1),
    call([NONE, 412, NONE], Kind::Utimes).at(0, 1),
    // setxattr, lsetxattr, fsetxattr, setxattrat
    call([188, 226, 5], Kind::Xattr).path(0).other(1),
    call([189, 227, 6], Kind::Xattr).path(0).other(1),
    call([190, 228, 7], Kind::Xattr).object(0).other(1),
    call([463, 463, 463], Kind::Xattr).at(0, 1).other(3),
    // removexattr, lremovexattr, fremovexattr, removexattrat
    call([197, 235, 14], Kind::Xattr).path(0).other(1).values(REMOVED),
    call([198, 236, 15], Kind::Xattr).path(0).other(1).values(REMOVED),
    call([199, 237, 16], Kind::Xattr).object(0).other(1).values(REMOVED),
    call([466, 466, 466], Kind::Xattr).at(0, 1).other(3).values(REMOVED),
    // mmap, mmap2; mprotect, pkey_mprotect
    call([9, 192, 222], Kind::Map).or(None, 2, PROT_EXEC).needs(Number::Argument(4)).takes(2, 3, 6),
    call([10, 125, 226], Kind::Protect).or(None, 2, PROT_EXEC).take(2),
    call([329, 380, 288], Kind::Protect).or(None, 2, PROT_EXEC).take(2),
    // accept, accept4
    call([43, NONE, 202], Kind::Accept).by(ACCEPT),
    call([288, 364, 242], Kind::Accept).by(ACCEPT),
    // socket
    call([41, 359, 198], Kind::SocketCreate).by(SOCKET).takes(0, 1, 2),
    // dup, dup2, dup3; of fcntl and fcntl64 the command F_DUPFD, which is 0
    call([32, 41, 23], Kind::Dup).by(DUP).takes(0, 6, 6),
    call([33, 63, NONE], Kind::Dup).by(DUP).takes(0, 1, 6),
    call([292, 330, 24], Kind::Dup).by(DUP).takes(0, 1, 6),
    fcntl([72, 55, 25]),
    fcntl([NONE, 221, NONE]),
    // ptrace, process_vm_writev, pidfd_getfd
    call([101, 26, 117], Kind::Ptrace).takes(0, 1, 6),
    call([311, 348, 271], Kind::Ptrace).values(WRITTEN_TO),
    call([438, 438, 438], Kind::FileReceive)
        .needs(Number::Special(source::RESULT))
        .values(TAKEN)
        .also(Kind::Ptrace, TAKE),
    // bpf: a command, and the address of what it is about
    call([321, 357, 280], Kind::Bpf).takes(0, 1, 6).second_in_memory(),
    // init_module, finit_module
    call([175, 128, 105], Kind::Module),
    call([313, 350, 273], Kind::Module).object(0),
    // mount, move_mount, umount2, umount
    call([165, 21, 40], Kind::Mount).path(1).other(0).third(2).take(3),
    call([429, 429, 429], Kind::Mount).at(2, 3).other_at(0, 1),
    call([166, 52, 39], Kind::Umount).path(0).take(1),
    call([NONE, 22, NONE], Kind::Umount).path(0),
    // setns, unshare
    call([308, 346, 268], Kind::Setns).object(0).take(1),
    call([272, 310, 97], Kind::Unshare).take(0),
    // pivot_root, chroot
    call([155, 217, 41], Kind::PivotRoot).path(0).other(1),
    call([161, 61, 51], Kind::Chroot).path(0),
    // setuid, setreuid, setresuid, setfsuid, and those of 16 bits
    call([105, 213, 146], Kind::SetUid).values(USERS),
    call([113, 203, 145], Kind::SetUid).values(USERS),
    call([117, 208, 147], Kind::SetUid).values(USERS),
    call([122, 215, 151], Kind::SetUid).values(USERS),
    call([NONE, 23, NONE], Kind::SetUid).values(USERS),
    call([NONE, 70, NONE], Kind::SetUid).values(USERS),
    call([NONE, 164, NONE], Kind::SetUid).values(USERS),
    call([NONE, 138, NONE], Kind::SetUid).values(USERS),
    // setgid, setregid, setresgid, setfsgid, and those of 16 bits
    call([106, 214, 144], Kind::SetGid).values(GROUPS),
    call([114, 204, 143], Kind::SetGid).values(GROUPS),
    call([119, 210, 149], Kind::SetGid).values(GROUPS),
    call([123, 216, 152], Kind::SetGid).values(GROUPS),
    call([NONE, 46, NONE], Kind::SetGid).values(GROUPS),
    call([NONE, 71, NONE], Kind::SetGid).values(GROUPS),
    call([NONE, 170, NONE], Kind::SetGid).values(GROUPS),
    call([NONE, 139, NONE], Kind::SetGid).values(GROUPS),
    // capset
    call([126, 185, 91], Kind::Capset).values(CAPABILITIES),
    // memfd_create, userfaultfd
    call([319, 356, 279], Kind::Memfd).path(0).take(1),
    call([323, 374, 282], Kind::Userfaultfd).take(0),
];

/// The programs of the calls that lead to a kind that is asked for, by number: see
/// [`monitor_common::call::NATIVE_MASK`].
#[must_use]
pub fn program_table(is_wanted: impl Fn(Kind) -> bool) -> [u8; CALL_NUMBERS] {
    let mut table = [0; CALL_NUMBERS];
    for call in CALLS {
        let Some(program) = call.entered(&is_wanted) else { continue };
        for (number, narrow) in call.places() {
            if let Some(place) = table.get_mut(number) {
                *place |= if narrow { program << NARROW_SHIFT } else { program };
            }
        }
    }
    table
}

/// Other commands than F_DUPFD have a bit.
const fn fcntl(numbers: [u16; 3]) -> SystemCall {
    let mut told = call(numbers, Kind::Dup).by(DUP).takes(0, 6, 6);
    told.kinds = [None, Some(Kind::Dup)];
    told.test = Some((1, u32::MAX));
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both kinds of call count from 0: 41 is `socket`, and `dup` of 32-bit programs.
    #[test]
    #[cfg(target_arch = "x86_64")]
    fn calls_of_one_number_are_told_apart() {
        let table = program_table(|_| true);
        let programs = |number: usize| {
            let programs = table.get(number).copied().unwrap_or_default();
            (programs & monitor_common::call::NATIVE_MASK, programs >> NARROW_SHIFT)
        };
        assert_eq!(programs(41), (SOCKET, DUP));
        assert_eq!(programs(304), (OPEN, BY_SPEC), "open_by_handle_at, symlinkat");
        assert_eq!(programs(5), (0, OPEN), "fstat, open");
        assert_eq!(programs(0), (0, 0), "read, restart_syscall");
        assert!(CALLS.iter().all(|call| call.program <= monitor_common::call::NATIVE_MASK));
    }

    /// Where tracing is seen by other hooks, the descriptor that was taken alone is told of.
    #[test]
    fn the_further_kind_of_a_call_has_a_program_of_its_own() {
        let entered = |wanted: &[Kind]| {
            let table = program_table(|kind| wanted.contains(&kind));
            table.get(438).map(|programs| programs & monitor_common::call::NATIVE_MASK)
        };
        assert_eq!(entered(&[Kind::Ptrace]), Some(TAKE));
        assert_eq!(entered(&[Kind::Ptrace, Kind::FileReceive]), Some(TAKE));
        assert_eq!(entered(&[Kind::FileReceive]), Some(BY_SPEC));
        assert_eq!(entered(&[Kind::Bpf]), Some(0));
    }

    #[test]
    fn calls_that_nobody_asks_for_have_no_program() {
        assert!(program_table(|_| false).iter().all(|programs| *programs == 0));
    }
}
