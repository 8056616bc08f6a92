//! The acts: tiny, one thing each, done in as many ways as an attacker has.
//!
//! They are the other half of every case: a case starts one, reads its report, and expects the
//! monitor to have told the same story. They link statically and need no file but themselves, so
//! that they run on the host, in a container and in a guest.

pub mod calls;
mod child;
pub mod deeds;
pub mod evade;
pub mod exec;
pub mod file;
pub mod flood;
pub mod names;
pub mod net;
pub mod old;
pub mod race;
mod raw;
pub mod report;
mod ring;
mod sys;

use std::ffi::OsString;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use clap::Subcommand;

pub use report::Report;

/// A process that is gone before anyone can look at it below /proc.
const NAP_MS: u64 = 50;

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Act {
    /// Connect a socket
    Connect {
        /// The kind of socket
        #[arg(value_enum)]
        protocol: net::Protocol,
        /// `ADDRESS:PORT`, `[ADDRESS]:PORT`
        address: SocketAddr,
        /// The interface to the kernel
        #[arg(long, value_enum, default_value_t = net::Call::Libc)]
        call: net::Call,
    },
    /// Send one datagram from a socket that is not connected
    Sendto {
        /// `ADDRESS:PORT`, `[ADDRESS]:PORT`
        address: SocketAddr,
        /// The interface to the kernel
        #[arg(long, value_enum, default_value_t = net::Call::Libc)]
        call: net::Call,
    },
    /// Open a TCP connection with its first data (MSG_FASTOPEN): no connect call
    FastOpen {
        /// `ADDRESS:PORT`, `[ADDRESS]:PORT`
        address: SocketAddr,
    },
    /// Bind, listen, be connected to by oneself, accept
    Accept {
        /// `ADDRESS:PORT`, `[ADDRESS]:PORT`; port 0 for any
        address: SocketAddr,
    },
    /// Ask a name server of this process's own, and connect to what it tells
    Resolve {
        /// The name
        name: String,
        /// Where the server is to be: `ADDRESS:PORT`, `[ADDRESS]:PORT`
        server: SocketAddr,
        /// What it tells
        answer: IpAddr,
        /// The way to ask
        #[arg(long, value_enum, default_value_t = names::Way::Datagram)]
        way: names::Way,
        /// A name that the server tells an address of without being asked
        #[arg(long, requires = "unasked_ip")]
        unasked: Option<String>,
        /// That address
        #[arg(long)]
        unasked_ip: Option<IpAddr>,
        /// In a network of its own
        #[arg(long)]
        own_network: bool,
    },
    /// Open a file
    Open {
        /// The file
        path: PathBuf,
        /// The interface to the kernel
        #[arg(long, value_enum, default_value_t = file::Call::Openat)]
        call: file::Call,
        /// What for
        #[arg(long, value_enum, default_value_t = file::Mode::Write)]
        mode: file::Mode,
        /// Become this user first
        #[arg(long)]
        uid: Option<u32>,
    },
    /// Open a file for writing under another name of it, made in DIR
    OpenThrough {
        /// The kind of name
        #[arg(value_enum)]
        name: file::Alias,
        /// The file that is opened
        path: PathBuf,
        /// Where the other name is made
        dir: PathBuf,
    },
    /// Change a path: rename, link, remove …
    Path {
        /// The change
        #[arg(value_enum)]
        change: file::Change,
        /// The path
        path: PathBuf,
        /// The new path, for rename, link and symlink
        new: Option<PathBuf>,
    },
    /// Open PATH while a thread rewrites the name to OTHER and back; both of one length
    OpenRace {
        /// The file that is meant
        path: PathBuf,
        /// The file that it is swapped with
        other: PathBuf,
        /// How often to try
        #[arg(long, default_value_t = 2000)]
        rounds: u32,
    },
    /// Open a file for writing while a thread closes the descriptor
    CloseRace {
        /// The file
        path: PathBuf,
        /// How often
        #[arg(long, default_value_t = 2000)]
        rounds: u32,
    },
    /// Connect UDP sockets while a thread rewrites the address
    ConnectRace {
        /// The address that is meant
        address: SocketAddr,
        /// The address that it is swapped with, of the same family
        other: SocketAddr,
        /// How often to try
        #[arg(long, default_value_t = 2000)]
        rounds: u32,
    },
    /// Become PROGRAM, or start it in a child
    Exec {
        /// The way to start it
        #[arg(value_enum)]
        how: exec::How,
        /// Where copies and scripts are made
        #[arg(long, default_value = "/tmp")]
        dir: PathBuf,
        /// The program; this one when none is given
        #[arg(long)]
        program: Option<PathBuf>,
        /// Its arguments; `nap 0` when none are given
        args: Vec<OsString>,
    },
    /// Make system calls of the table of acts
    Call {
        /// Where `real/` and `link` are, in a directory named as the act
        dir: PathBuf,
        /// Names of acts
        names: Vec<String>,
        /// The way into the kernel
        #[arg(long, value_enum, default_value_t = calls::Way::Native)]
        way: calls::Way,
        /// How names are given
        #[arg(long, value_enum, default_value_t = calls::Form::Absolute)]
        form: calls::Form,
        /// Become this user first
        #[arg(long)]
        uid: Option<u32>,
    },
    /// Do what takes more than one call
    Deed {
        /// What
        #[arg(value_enum)]
        deed: deeds::Deed,
        /// Where `real/` and `link` are
        dir: PathBuf,
        /// To which process
        #[arg(long)]
        pid: Option<i32>,
    },
    /// Change a file, or reach out, without the usual call
    Evade {
        /// How
        #[arg(value_enum)]
        how: evade::Evasion,
        /// The file
        path: PathBuf,
        /// Where to
        address: Option<SocketAddr>,
    },
    /// Send from, or connect, a socket of an uncommon family
    Family {
        /// The family
        #[arg(value_enum)]
        family: evade::Family,
        /// Where to
        address: Option<SocketAddr>,
    },
    /// Make and remove files in DIR as fast as it goes, and meanwhile open ATTACK for writing,
    /// until there is a file STOP
    Flood {
        /// Where the files are made
        dir: PathBuf,
        /// Another file
        attack: PathBuf,
        /// Ends it; it ends by itself after two minutes
        stop: PathBuf,
    },
    /// Do nothing for a while
    Nap {
        /// Milliseconds; what is no number is only there to be seen on the command line
        args: Vec<OsString>,
    },
}

/// Performs an act. An error means that it could not even be tried.
pub fn perform(act: &Act) -> io::Result<Report> {
    match act {
        Act::Connect { protocol, address, call } => net::connect(*protocol, *address, *call),
        Act::Sendto { address, call } => net::sendto(*address, *call),
        Act::FastOpen { address } => net::fast_open(*address),
        Act::Accept { address } => net::accept(*address),
        Act::Resolve { name, server, answer, way, unasked, unasked_ip, own_network } => {
            if *own_network {
                names::enter_own_network()?;
            }
            let (server, answer, way) = (*server, *answer, *way);
            let unasked = unasked.as_deref().zip(*unasked_ip);
            names::resolve(&names::Question { name, server, answer, way, unasked })
        }
        Act::Open { path, call, mode, uid } => file::open(path, *call, *mode, *uid),
        Act::OpenThrough { name, path, dir } => file::open_through(*name, path, dir),
        Act::Path { change, path, new } => file::change(*change, path, new.as_deref()),
        Act::OpenRace { path, other, rounds } => race::open(path, other, *rounds),
        Act::CloseRace { path, rounds } => race::close(path, *rounds),
        Act::ConnectRace { address, other, rounds } => race::connect(*address, *other, *rounds),
        Act::Exec { how, dir, program, args } => exec::start(*how, dir, program.as_deref(), args),
        Act::Call { dir, names, way, form, uid } => calls::perform(dir, names, *way, *form, *uid),
        Act::Deed { deed, dir, pid } => deeds::perform(*deed, dir, *pid),
        Act::Evade { how, path, address } => evade::perform(*how, path, *address),
        Act::Family { family, address } => evade::send(*family, *address),
        Act::Flood { dir, attack, stop } => flood::flood(dir, attack, stop),
        Act::Nap { args } => {
            let milliseconds = args.iter().find_map(|arg| arg.to_str()?.parse().ok());
            thread::sleep(Duration::from_millis(milliseconds.unwrap_or(NAP_MS)));
            Ok(Report::new("nap"))
        }
    }
}
