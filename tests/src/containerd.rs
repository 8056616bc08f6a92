//! A private containerd: own root, state, socket and image. Containers are real: runc, overlayfs,
//! namespaces, cgroups.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::lab::{report, trigger_path};
use crate::triggers::Report;
use crate::{image, wait};

/// The runtime; it and every container in it end when it is dropped.
#[derive(Debug)]
pub struct Containerd {
    dir: PathBuf,
    child: Child,
    /// Of the image's manifest.
    pub image_digest: String,
}

impl Containerd {
    /// Starts one below `dir`, with the image of the tests.
    pub fn start(dir: &Path) -> Self {
        fs::create_dir_all(dir).expect("create containerd's directory");
        let config = dir.join("config.toml");
        fs::write(&config, configuration(dir)).expect("write containerd's configuration");
        let log = File::create(dir.join("log")).expect("create containerd's log");
        let mut command = Command::new("containerd");
        command.arg("--config").arg(&config).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("clone the log")).stderr(log);
        let child = end_with_parent(&mut command).spawn().expect("start containerd");
        let tar = dir.join("image.tar");
        let image_digest = image::write(&tar, &trigger_path());
        let runtime = Self { dir: dir.to_path_buf(), child, image_digest };
        wait::until("containerd to answer", || {
            runtime.ctr(&["version"]).status.success().then_some(())
        });
        // The native differ unpacks below this name; without one, ctr would use its host's.
        runtime.expect(&["images", "import", tar.to_str().expect("a plain path")]);
        runtime
    }

    /// Where it answers, also to a kubelet. Pods have images of their own: this adds ours.
    pub fn for_pods(&self) -> PathBuf {
        let tar = self.dir.join("image.tar");
        let import = ["--namespace", "k8s.io", "images", "import"];
        self.expect(&import.into_iter().chain(tar.to_str()).collect::<Vec<_>>());
        let cri = "io.containerd.grpc.v1";
        wait::until("containerd's part for Kubernetes", || {
            let plugins = self.ctr(&["plugins", "list"]).stdout;
            let plugins = String::from_utf8_lossy(&plugins).into_owned();
            let is_ok =
                |line: &str| line.contains(cri) && line.contains(" cri ") && line.contains(" ok");
            plugins.lines().any(is_ok).then_some(())
        });
        self.socket()
    }

    /// Where it answers.
    pub fn socket(&self) -> PathBuf {
        Self::socket_in(&self.dir)
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The socket of one below `dir`, for a daemon that asks for images and labels.
    pub(crate) fn socket_in(dir: &Path) -> PathBuf {
        dir.join("sock")
    }

    /// The state directory of one below `dir`: bundles are in
    /// `io.containerd.runtime.v2.task/<namespace>/<id>`.
    pub(crate) fn state_in(dir: &Path) -> PathBuf {
        dir.join("state")
    }

    /// Starts a container that runs `command`, or sleeps when there is none.
    pub fn run(&self, name: &str, command: &[&str]) -> Container<'_> {
        self.run_with(name, &[], command)
    }

    /// Imports an image that is a tar already.
    pub fn import_tar(&self, tar: &Path) {
        self.expect(&["images", "import", tar.to_str().expect("a plain path")]);
    }

    /// Imports an image of ours under a name that is its own, or was another's; its digest.
    pub fn import(&self, image: &str, content: &str) -> String {
        let tar = self.dir.join("other.tar");
        let digest = image::write_as(&tar, &trigger_path(), image, content);
        self.expect(&["images", "import", tar.to_str().expect("a plain path")]);
        digest
    }

    /// Imports an image of ours that says when it was made; its digest.
    pub fn import_made(&self, image: &str, created: &str) -> String {
        let tar = self.dir.join("made.tar");
        let digest = image::write_made(&tar, &trigger_path(), image, created);
        self.import_tar(&tar);
        digest
    }

    /// Imports an image of ours that has databases of packages.
    pub fn import_packaged(&self, image: &str) {
        let tar = self.dir.join("packaged.tar");
        image::write_packaged(&tar, &trigger_path(), image);
        self.import_tar(&tar);
    }

    /// Imports an image of ours with files of that content.
    pub fn import_with(&self, image: &str, files: &[(&str, &[u8])]) {
        let tar = self.dir.join("files.tar");
        image::write_with(&tar, &trigger_path(), image, files);
        self.import_tar(&tar);
    }

    /// The same, with options for `ctr run`.
    pub fn run_with(&self, name: &str, options: &[&str], command: &[&str]) -> Container<'_> {
        self.run_image(image::NAME, name, options, command)
    }

    /// The same of an image of that name.
    pub fn run_image(
        &self,
        image: &str,
        name: &str,
        options: &[&str],
        command: &[&str],
    ) -> Container<'_> {
        let args: Vec<&str> = ["run", "--detach"]
            .into_iter()
            .chain(options.iter().copied())
            .chain([image, name])
            .chain(command.iter().copied())
            .collect();
        let container = Container { runtime: self, name: name.to_owned() };
        self.expect(&args);
        container
    }

    /// Runs `ctr` on this runtime.
    pub fn ctr(&self, args: &[&str]) -> Output {
        let mut ctr = Command::new("ctr");
        ctr.arg("--address").arg(Self::socket_in(&self.dir)).args(args).stdin(Stdio::null());
        ctr.output().expect("start ctr")
    }

    /// The same; what it prints, once it has succeeded.
    fn expect(&self, args: &[&str]) -> String {
        let output = self.ctr(args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ctr {args:?}: {stderr}\n{}", self.log());
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn log(&self) -> String {
        let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines.iter().skip(lines.len().saturating_sub(10)).copied().collect::<Vec<_>>().join("\n")
    }

    /// The id and first process of each running container.
    fn tasks(&self) -> Vec<(String, u32)> {
        let list = self.ctr(&["tasks", "list"]).stdout;
        let task = |line: &str| {
            let mut words = line.split_whitespace();
            Some((words.next()?.to_owned(), words.next()?.parse::<u32>().ok()?))
        };
        String::from_utf8_lossy(&list).lines().filter_map(task).collect()
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        for (name, _) in self.tasks() {
            remove(self, &name);
        }
        // It has children of its own: asked to end, it leaves none of its mounts.
        end(&mut self.child);
    }
}

/// A running container, removed when it is dropped.
#[derive(Debug)]
pub struct Container<'a> {
    runtime: &'a Containerd,
    name: String,
}

impl Container<'_> {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.name
    }

    /// The digest of its image.
    pub fn image_digest(&self) -> &str {
        &self.runtime.image_digest
    }

    /// Its first process, as the host numbers it.
    pub fn pid(&self) -> u32 {
        let tasks = self.runtime.tasks();
        let task = tasks.into_iter().find(|(name, _)| *name == self.name);
        task.map(|(_, pid)| pid).unwrap_or_else(|| panic!("{} does not run", self.name))
    }

    /// Runs a program in it.
    pub fn exec(&self, command: &[&str]) -> Output {
        let id = format!("exec-{}", NEXT_EXEC.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let args = ["tasks", "exec", "--exec-id", &id, &self.name];
        self.runtime.ctr(&args.into_iter().chain(command.iter().copied()).collect::<Vec<_>>())
    }

    /// Performs an act in it. Process ids in the report are those of its own namespace.
    pub fn trigger(&self, args: &[&str]) -> Report {
        let command: Vec<&str> = [image::TRIGGER].into_iter().chain(args.iter().copied()).collect();
        let mut output = self.exec(&command);
        // On a busy machine the runtime may end a session before it has passed its output on.
        for _ in 1..TRIES {
            if !output.stdout.is_empty() {
                break;
            }
            output = self.exec(&command);
        }
        report(&output.stdout, &output.stderr)
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        remove(self.runtime, &self.name);
    }
}

/// How often an act is tried whose report does not come through.
const TRIES: usize = 3;

static NEXT_EXEC: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);

/// Ends and removes a container; one that is half made or half gone as well.
fn remove(runtime: &Containerd, name: &str) {
    runtime.ctr(&["tasks", "kill", "--signal", "SIGKILL", "--all", name]);
    // Only a task that has ended can be removed.
    let removed = || runtime.ctr(&["tasks", "delete", "--force", name]).status.success();
    let is_there = || runtime.tasks().iter().any(|(task, _)| task == name);
    let started = std::time::Instant::now();
    while is_there() && !removed() && started.elapsed() < wait::DEADLINE {}
    runtime.ctr(&["containers", "delete", name]);
}

/// Asks a child to end, and waits for it.
pub(crate) fn end(child: &mut Child) {
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
    if kill(pid, Signal::SIGTERM).is_err() {
        return;
    }
    let started = std::time::Instant::now();
    while child.try_wait().is_ok_and(|status| status.is_none()) {
        if started.elapsed() > wait::DEADLINE {
            child.kill().expect("kill a child");
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// Has the kernel end a child when the test binary is killed before it can clean up.
pub(crate) fn end_with_parent(command: &mut Command) -> &mut Command {
    // SAFETY: between fork and exec, the child makes one system call and touches no memory.
    unsafe { command.pre_exec(|| set_pdeathsig(Signal::SIGKILL).map_err(std::io::Error::from)) }
}

fn configuration(dir: &Path) -> String {
    let dir = dir.display();
    format!(
        "version = 2\n\
         root = \"{dir}/root\"\n\
         state = \"{dir}/state\"\n\
         [grpc]\n  address = \"{dir}/sock\"\n\
         [ttrpc]\n  address = \"{dir}/sock.ttrpc\"\n\
         [plugins.\"io.containerd.grpc.v1.cri\"]\n\
         \x20 sandbox_image = \"{}\"\n\
         \x20 restrict_oom_score_adj = true\n",
        image::NAME
    )
}
