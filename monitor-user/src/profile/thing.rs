//! What a container does, piece by piece, in the form in which a profile expects it.

use std::fmt;

use super::{
    net::{Host, Protocol},
    paths::{Order, Route},
};

/// What a profile tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Programs that run, with who starts them.
    Programs,
    /// Libraries that programs are made to load.
    Preloads,
    /// Files that are written, made or given names.
    Files,
    /// Secrets that are read.
    Secrets,
    /// Whom something is sent to.
    Connections,
    /// Where it listens.
    Listeners,
    /// What name servers are asked.
    Names,
    /// Capabilities that programs start with.
    Capabilities,
    /// System calls that change what a process may do or is.
    Acts,
    /// All system calls, by name, where they were asked for.
    Syscalls,
}

impl Part {
    /// All, in the order of a profile's file.
    pub const ALL: [Self; 10] = [
        Self::Programs,
        Self::Preloads,
        Self::Files,
        Self::Secrets,
        Self::Connections,
        Self::Listeners,
        Self::Names,
        Self::Capabilities,
        Self::Acts,
        Self::Syscalls,
    ];

    /// The key of a profile's file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Programs => "programs",
            Self::Preloads => "preloads",
            Self::Files => "files",
            Self::Secrets => "secrets",
            Self::Connections => "connections",
            Self::Listeners => "listeners",
            Self::Names => "names",
            Self::Capabilities => "capabilities",
            Self::Acts => "acts",
            Self::Syscalls => "syscalls",
        }
    }
}

/// A program, and who starts it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Program {
    /// Its path, as [`Route::text`] writes it.
    pub path: Box<str>,
    /// The script that it runs.
    pub script: Option<Box<str>>,
    /// The path of the program that its parent runs, or [`OUTSIDE`].
    pub parent: Box<str>,
    /// Id of the user that it runs as, as the host counts them.
    pub user: u32,
}

/// The parent of what a runtime starts in a container.
pub const OUTSIDE: &str = "outside";

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, script, parent, user } = self;
        f.write_str(path)?;
        if let Some(script) = script {
            write!(f, " {script}")?;
        }
        write!(f, " (of {parent}, user {user})")
    }
}

/// Whom something is sent to, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A port of somebody.
    Port {
        /// The protocol.
        protocol: Protocol,
        /// The port.
        port: u16,
        /// Who it is, the best name first: one of them is enough to be expected.
        hosts: Vec<Host>,
    },
    /// A socket in the file system, or a name in the abstract namespace, which begins with `@`.
    Socket(Route),
}

/// Something that a container did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Thing {
    /// It ran a program.
    Program(Program),
    /// It had a library loaded into programs.
    Preload(Route),
    /// It wrote a file.
    File(Route),
    /// It read a secret.
    Secret(Route),
    /// It sent something.
    Connection(Destination),
    /// It listened at a port; None is one that the kernel chose.
    Listener(Protocol, Option<u16>),
    /// It asked for a name.
    Name(Route),
    /// A program started with a capability.
    Capability(&'static str),
    /// It did something else of consequence, by that program.
    Act(&'static str, Box<str>),
    /// It made a system call of that name; [`NARROW_CALLS`] are 32-bit ones.
    Syscall(Box<str>),
}

/// Longest name of a system call.
const SYSCALL_BYTES: usize = 64;

/// What stands for 32-bit calls, whose names are not told apart.
pub const NARROW_CALLS: &str = "32-bit";

impl Thing {
    /// Something of a part, for tests.
    #[must_use]
    pub fn of_part(part: Part) -> Self {
        let path = || Route::of_path(b"/test", &[]);
        let program =
            || Program { path: "/test".into(), script: None, parent: OUTSIDE.into(), user: 0 };
        match part {
            Part::Programs => Self::Program(program()),
            Part::Preloads => Self::Preload(path()),
            Part::Files => Self::File(path()),
            Part::Secrets => Self::Secret(path()),
            Part::Connections => Self::Connection(Destination::Socket(path())),
            Part::Listeners => Self::Listener(Protocol::Tcp, None),
            Part::Names => Self::Name(Route::of_domain(b"test")),
            Part::Capabilities => Self::Capability("CAP_CHOWN"),
            Part::Acts => Self::Act("mount", "/test".into()),
            Part::Syscalls => Self::Syscall("read".into()),
        }
    }

    /// A system call by its name; None if that is none's.
    #[must_use]
    pub fn syscall(name: &str) -> Option<Self> {
        let is_plain = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_';
        let is_one = !name.is_empty() && name.len() <= SYSCALL_BYTES && name.bytes().all(is_plain);
        (is_one || name == NARROW_CALLS).then(|| Self::Syscall(name.into()))
    }

    /// The part of a profile that it belongs to.
    #[must_use]
    pub const fn part(&self) -> Part {
        match self {
            Self::Program(_) => Part::Programs,
            Self::Preload(_) => Part::Preloads,
            Self::File(_) => Part::Files,
            Self::Secret(_) => Part::Secrets,
            Self::Connection(_) => Part::Connections,
            Self::Listener(..) => Part::Listeners,
            Self::Name(_) => Part::Names,
            Self::Capability(_) => Part::Capabilities,
            Self::Act(..) => Part::Acts,
            Self::Syscall(_) => Part::Syscalls,
        }
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(program) => program.fmt(f),
            Self::Preload(path) | Self::File(path) | Self::Secret(path) => {
                f.write_str(&path.text(Order::Path))
            }
            Self::Connection(Destination::Socket(path)) => {
                write!(f, "unix {}", path.text(Order::Path))
            }
            Self::Connection(Destination::Port { protocol, port, hosts }) => {
                let host = hosts.first().map_or_else(|| "?".to_owned(), Host::text);
                write!(f, "{protocol} {host}:{port}")
            }
            Self::Listener(protocol, Some(port)) => write!(f, "{protocol} {port}"),
            Self::Listener(protocol, None) => write!(f, "{protocol} {EPHEMERAL}"),
            Self::Name(name) => f.write_str(&name.text(Order::Domain)),
            Self::Capability(name) => f.write_str(name),
            Self::Act(act, program) => write!(f, "{act} (by {program})"),
            Self::Syscall(name) => f.write_str(name),
        }
    }
}

/// A port that the kernel chose.
pub const EPHEMERAL: &str = "ephemeral";
