//! The kinds of record, and which body each has.

use crate::body::{Cgroup, Exit, FileOpen, Fork, Image, Socket};

/// What a record tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum RecordKind {
    /// A process that already ran when the monitor started. Body: [`Image`].
    Task = 0,
    /// A program was started. Body: [`Image`].
    Exec = 1,
    /// A process was created. Body: [`Fork`].
    Fork = 2,
    /// A process ended (its last thread did). Body: [`Exit`].
    Exit = 3,
    /// A socket was connected, or tried to be. Body: [`Socket`].
    Connect = 4,
    /// A datagram left an unconnected socket. Body: [`Socket`].
    Send = 5,
    /// A file was opened for writing, or tried to be. Body: [`FileOpen`].
    FileOpen = 6,
    /// A cgroup was made. Body: [`Cgroup`].
    CgroupMkdir = 7,
    /// A cgroup was removed. Body: [`Cgroup`].
    CgroupRmdir = 8,
}

impl RecordKind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Task,
        Self::Exec,
        Self::Fork,
        Self::Exit,
        Self::Connect,
        Self::Send,
        Self::FileOpen,
        Self::CgroupMkdir,
        Self::CgroupRmdir,
    ];

    /// How many kinds there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The name that reports and metrics use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Exec => "exec",
            Self::Fork => "fork",
            Self::Exit => "exit",
            Self::Connect => "connect",
            Self::Send => "send",
            Self::FileOpen => "file_open",
            Self::CgroupMkdir => "cgroup_mkdir",
            Self::CgroupRmdir => "cgroup_rmdir",
        }
    }

    /// Bytes of the fixed body.
    #[must_use]
    pub const fn body_bytes(self) -> usize {
        match self {
            Self::Task | Self::Exec => size_of::<Image>(),
            Self::Fork => size_of::<Fork>(),
            Self::Exit => size_of::<Exit>(),
            Self::Connect | Self::Send => size_of::<Socket>(),
            Self::FileOpen => size_of::<FileOpen>(),
            Self::CgroupMkdir | Self::CgroupRmdir => size_of::<Cgroup>(),
        }
    }
}

/// A kind number that this version does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownKind(pub u16);

impl TryFrom<u16> for RecordKind {
    type Error = UnknownKind;

    fn try_from(number: u16) -> Result<Self, UnknownKind> {
        Self::ALL.get(number as usize).copied().ok_or(UnknownKind(number))
    }
}
