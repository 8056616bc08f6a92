//! What can be read of the host and of this process, unjudged.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::{fs::MetadataExt as _, net::UnixStream},
    path::{Path, PathBuf},
};

use nix::unistd::{AccessFlags, access, geteuid};

use super::container::{Place, Signs, has_engine_file};
use crate::{
    bpf::{answer, btf, object},
    config::Config,
    metadata::{RuntimeRoot, TASKS, cgroups},
};

/// The first user namespace. The first of each sort has a fixed number: `PROC_*_INIT_INO` of the
/// kernel's `proc_ns.h`.
pub const FIRST_USER: u64 = 0xefff_fffd;
const FIRST_PID: u64 = 0xefff_fffc;
const FIRST_CGROUP: u64 = 0xefff_fffb;

/// The root directory of a cgroup hierarchy has this number, and no other directory of it.
const CGROUP_ROOT: u64 = 1;

/// In the paths of the layers that runtimes keep.
const LAYERS: [&str; 3] = ["containerd", "/docker/", "/containers/storage/"];

/// The namespace of containerd's in which Docker runs containers. Its own files tell of them.
const DOCKERS: &str = "moby";

/// Where the host's files are for who has its pids, and may look at its first process.
const HOST_ROOT: &str = "/proc/1/root";

/// Everything that is judged.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Where this process runs.
    pub place: Place,
    /// The kernel's release.
    pub kernel: String,
    /// Whether this process is root.
    pub is_root: bool,
    /// A bit for each capability: those that this process has or, if it is not root, would have as
    /// root.
    pub capabilities: u64,
    /// Whether its pids are the host's.
    pub pids_of_host: bool,
    /// Whether its users are the host's.
    pub users_of_host: bool,
    /// Why the kernel's type information cannot be read, if it cannot.
    pub types_hidden: Option<String>,
    /// Whether `/proc/kallsyms` has addresses.
    pub addresses_shown: bool,
    /// Whether memory may be locked without bound.
    pub locks_unbounded: bool,
    /// Whether a seccomp filter looks at its system calls.
    pub seccomp_filter: bool,
    /// Why bpf(2) is refused, if it is.
    pub bpf_refused: Option<String>,
    /// What AppArmor or SELinux call this process.
    pub label: String,
    /// `/sys/kernel/security/lockdown`; empty if it is not shown.
    pub lockdown: String,
    /// `/sys/kernel/security/lsm`; empty if it is not shown.
    pub security_modules: String,
    /// Where cgroup v2 is mounted.
    pub cgroup2: Option<PathBuf>,
    /// The cgroup v1 controller that names containers.
    pub cgroup1: Option<&'static str>,
    /// Mounts of hierarchies that containers are named by, and that show a part only.
    pub cgroups_cut: Vec<PathBuf>,
    /// Whether the kernel has kprobes.
    pub kprobes: bool,
    /// The configured directories of container runtimes.
    pub runtimes: Vec<Runtime>,
    /// Where locks and sockets are.
    pub run_dir: OwnDir,
    /// The directory of what outlives the monitor, if the configuration has sinks that want it.
    pub state_dir: Option<OwnDir>,
}

/// A directory of a container runtime.
#[derive(Clone, Debug)]
pub struct Runtime {
    /// Where it is.
    pub state: PathBuf,
    /// Whether something is in it. Kubernetes makes those that are missing, and empty.
    pub is_here: bool,
    /// The same of the host's, where that can be seen.
    pub on_host: Option<bool>,
    /// containerd's socket, if containers run there of which it alone tells something.
    pub socket: Option<Socket>,
}

/// A socket of containerd's.
#[derive(Clone, Debug)]
pub struct Socket {
    /// Where it is.
    pub path: PathBuf,
    /// Why nobody answers there, if nobody does.
    pub unreached: Option<String>,
}

/// A directory of the monitor's own.
#[derive(Clone, Debug)]
pub struct OwnDir {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it, or what is to be its parent, can be written to.
    pub is_writable: bool,
    /// Whether it is the host's.
    pub is_hosts: bool,
}

impl Facts {
    /// Reads them.
    #[must_use]
    pub fn read(config: &Config) -> Self {
        let status = text("/proc/self/status");
        let is_root = geteuid().is_root();
        let pids_of_host = in_initial_pid_namespace();
        let has_own_root = pids_of_host && is_same(Path::new("/"), &on_host("/")) == Some(false);
        let signs = Signs {
            kubernetes_variable: std::env::var_os("KUBERNETES_SERVICE_HOST").is_some(),
            engine_file: has_engine_file(),
            own_pids: !pids_of_host,
            own_cgroups: !is_first("cgroup", FIRST_CGROUP),
            own_root: has_own_root,
            layers: has_layers(&text("/proc/self/mountinfo")),
            cgroups: text("/proc/self/cgroup"),
        };
        let cgroup1 = cgroups::v1_controller();
        let hierarchies = cgroups::hierarchies(cgroup1).into_iter().map(|it| it.root);
        Self {
            place: signs.place(),
            kernel: text("/proc/sys/kernel/osrelease"),
            is_root,
            capabilities: mask(&status, if is_root { "CapEff:" } else { "CapBnd:" }),
            pids_of_host,
            users_of_host: is_first("user", FIRST_USER),
            types_hidden: File::open(btf::VMLINUX).err().map(|error| error.to_string()),
            addresses_shown: shows_addresses(),
            locks_unbounded: locks_unbounded(&text("/proc/self/limits")),
            seccomp_filter: field(&status, "Seccomp:") == "2",
            bpf_refused: answer::make_a_map().err().map(|error| error.to_string()),
            label: text("/proc/self/attr/current").trim_end_matches('\0').to_owned(),
            lockdown: text("/sys/kernel/security/lockdown"),
            security_modules: text("/sys/kernel/security/lsm"),
            cgroup2: object::cgroup2_root(),
            cgroup1,
            cgroups_cut: hierarchies.filter(|root| is_cut(root)).collect(),
            kprobes: Path::new(object::KPROBES).exists(),
            runtimes: config
                .runtime_roots
                .iter()
                .map(|root| Runtime::read(root, pids_of_host))
                .collect(),
            run_dir: OwnDir::read(&config.run_dir, pids_of_host),
            state_dir: config
                .sinks
                .iter()
                .any(|sink| sink.stored)
                .then(|| OwnDir::read(&config.state_dir, pids_of_host)),
        }
    }
}

impl Runtime {
    fn read(root: &RuntimeRoot, pids_of_host: bool) -> Self {
        let state = &root.state;
        let of_host = pids_of_host.then(|| on_host(state));
        Self {
            state: state.clone(),
            is_here: holds(state).unwrap_or(false),
            on_host: of_host.as_ref().and_then(|state| holds(state).ok()),
            socket: Socket::read(root, of_host.as_deref()),
        }
    }
}

impl Socket {
    /// The same, where the state directory is that of the host, too.
    fn read(root: &RuntimeRoot, of_host: Option<&Path>) -> Option<Self> {
        // Without that part nothing is asked.
        let path = root.socket.as_ref().filter(|_| cfg!(feature = "containerd"))?;
        let runs = |state: &Path| {
            let namespaces = fs::read_dir(state.join(TASKS)).into_iter().flatten().flatten();
            namespaces.into_iter().any(|namespace| namespace.file_name() != DOCKERS)
        };
        let unreached = || UnixStream::connect(path).err().map(|error| error.to_string());
        let is_needed = runs(&root.state) || of_host.is_some_and(runs);
        is_needed.then(|| Self { path: path.clone(), unreached: unreached() })
    }
}

impl OwnDir {
    fn read(path: &Path, pids_of_host: bool) -> Self {
        let there = path.ancestors().find(|part| part.exists()).unwrap_or(path);
        let is_mounted = text("/proc/self/mountinfo")
            .lines()
            .any(|line| line.split(' ').nth(4) == Some(&*path.to_string_lossy()));
        let is_hosts = pids_of_host && is_same(there, &on_host(there)) == Some(true);
        Self {
            path: path.to_owned(),
            is_writable: access(there, AccessFlags::W_OK).is_ok(),
            is_hosts: is_mounted || is_hosts,
        }
    }
}

/// Whether the host keeps kprobes from others than administrators. Levels over 2 are an addition of
/// distributions': some of their kernels take `CAP_PERFMON` there too, and none says so.
#[must_use]
pub fn restricts_probes() -> bool {
    let level = text("/proc/sys/kernel/perf_event_paranoid");
    level.trim().parse::<i32>().is_ok_and(|level| level > 2)
}

/// Whether pids here are those of the host.
#[must_use]
pub fn in_initial_pid_namespace() -> bool {
    is_first("pid", FIRST_PID)
}

/// What cannot be looked at counts as the host's.
fn is_first(namespace: &str, first: u64) -> bool {
    fs::metadata(format!("/proc/self/ns/{namespace}")).map_or(true, |it| it.ino() == first)
}

/// Whether `/proc/PID/mountinfo` says that the root directory is an overlay of layers that a
/// container runtime keeps.
fn has_layers(mounts: &str) -> bool {
    mounts.lines().any(|line| {
        let (place, kind) = line.split_once(" - ").unwrap_or_default();
        place.split(' ').nth(4) == Some("/")
            && kind.starts_with("overlay ")
            && LAYERS.iter().any(|store| kind.contains(store))
    })
}

fn text(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn on_host(path: impl AsRef<Path>) -> PathBuf {
    let path = path.as_ref();
    Path::new(HOST_ROOT).join(path.strip_prefix("/").unwrap_or(path))
}

/// Whether two paths lead to one directory; none if that is not to be learned.
fn is_same(one: &Path, other: &Path) -> Option<bool> {
    let one = fs::metadata(one).ok()?;
    // The dot leads through the link that /proc/PID/root is.
    match fs::metadata(other.join(".")) {
        Ok(other) => Some((one.dev(), one.ino()) == (other.dev(), other.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(false),
        Err(_) => None,
    }
}

/// Whether a directory has entries; none if that is not to be learned.
fn holds(directory: &Path) -> io::Result<bool> {
    match fs::read_dir(directory) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_cut(root: &Path) -> bool {
    fs::metadata(root).is_ok_and(|root| root.ino() != CGROUP_ROOT)
}

/// The word behind a key of `/proc/PID/status`.
fn field<'s>(status: &'s str, key: &str) -> &'s str {
    status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default().trim()
}

fn mask(status: &str, key: &str) -> u64 {
    u64::from_str_radix(field(status, key), 16).unwrap_or(0)
}

/// Whether addresses are others than zero, as they are all where they are hidden.
fn shows_addresses() -> bool {
    // The first symbols are offsets within a CPU's own memory, the first of which may be zero.
    const LOOKED_AT: u64 = 1 << 16;
    let Ok(symbols) = File::open("/proc/kallsyms") else { return false };
    let mut start = Vec::new();
    if symbols.take(LOOKED_AT).read_to_end(&mut start).is_err() {
        return false;
    }
    let start = String::from_utf8_lossy(&start);
    let address = |line: &str| u64::from_str_radix(line.split(' ').next()?, 16).ok();
    start.lines().filter_map(address).any(|address| address != 0)
}

/// Whether `/proc/PID/limits` has no bound for locked memory.
fn locks_unbounded(limits: &str) -> bool {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max locked memory"));
    line.is_some_and(|line| line.trim_start().starts_with("unlimited"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_proc_are_read() {
        let status = "Name:\trunmon\nCapEff:\t000001fffeffffff\nSeccomp:\t2\n";
        assert_eq!(mask(status, "CapEff:"), 0x1ff_feff_ffff);
        assert_eq!((mask(status, "CapBnd:"), field(status, "Seccomp:")), (0, "2"));
        let limits = "Max processes             96209   96209   processes\n\
                      Max locked memory         65536   unlimited   bytes\n";
        assert!(!locks_unbounded(limits));
        assert!(locks_unbounded(&limits.replace("65536", "unlimited")));
        let mounts =
            "27 1 0:25 / / rw,relatime - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/a\n";
        assert!(has_layers(mounts) && !has_layers(&mounts.replace(" / / ", " / /x ")));
        assert!(!has_layers(&mounts.replace("docker", "live")), "a machine's own");
        assert_eq!(on_host("/run/x"), Path::new("/proc/1/root/run/x"));
    }

    #[cfg(feature = "containerd")]
    #[test]
    fn a_socket_is_missed_where_containerd_runs_something() {
        use std::os::unix::net::UnixListener;

        use crate::{metadata::RuntimeKind, records::folder::Folder};

        let folder = Folder::new("host-socket");
        let root = RuntimeRoot::new(RuntimeKind::Containerd, folder.path());
        let read = || Socket::read(&root, None).map(|socket| socket.unreached);
        let make = |namespace| {
            let directory = folder.path().join(TASKS).join(namespace);
            fs::create_dir_all(directory).unwrap();
        };
        assert_eq!(read(), None);
        make(DOCKERS);
        assert_eq!(read(), None, "Docker's files tell of its own");
        make("k8s.io");
        assert_eq!(read(), Some(Some("No such file or directory (os error 2)".into())));
        let elsewhere = RuntimeRoot { state: "/no/such".into(), ..root.clone() };
        assert!(Socket::read(&elsewhere, Some(folder.path())).is_some(), "the host has it");
        let _listener = UnixListener::bind(folder.path().join("containerd.sock")).unwrap();
        assert_eq!(read(), Some(None));
        let docker = RuntimeRoot::new(RuntimeKind::Docker, folder.path());
        assert!(Socket::read(&docker, None).is_none());
    }

    #[test]
    fn directories_are_told_apart() {
        let (root, proc) = (Path::new("/"), Path::new("/proc"));
        assert_eq!([is_same(root, proc), is_same(proc, proc)], [Some(false), Some(true)]);
        assert_eq!(is_same(root, Path::new("/no/such")), Some(false), "it is not there");
        assert_eq!(is_same(Path::new("/no/such"), root), None);
        assert!(holds(proc).unwrap() && !holds(Path::new("/no/such")).unwrap());
    }
}
