//! Other engines than containerd: Docker, podman, and runc by itself. Each has everything below a
//! directory of its own, and root file systems of the image of the tests.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

use crate::containerd::{end, end_with_parent};
use crate::lab::trigger_path;
use crate::{image, wait};

/// Docker's client; a program of that name can be something else.
const DOCKER: &str = "/usr/bin/docker";

/// What a container may have as open files and processes: tests may not raise the limits.
const ULIMITS: [&str; 4] = ["--ulimit", "nofile=1024:4096", "--ulimit", "nproc=1024:4096"];

/// Where each engine keeps what it knows, below a lab's directory.
pub(crate) fn roots_in(lab: &Path) -> Vec<(&'static str, PathBuf)> {
    vec![
        ("docker", lab.join("d/data")),
        // The containerd that it starts for itself.
        ("containerd", lab.join("d/exec/containerd/daemon")),
        ("podman", lab.join("p/root")),
        ("podman", lab.join("p/run")),
        ("runc", lab.join("r/root")),
    ]
}

/// Whether a program is there.
pub fn is_installed(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|directory| directory.join(name).is_file())
}

/// An engine that runs containers.
pub trait Engine: Sync {
    /// Starts a container of the tests' image that runs a command, with a directory of the host
    /// mounted read-only at `/host`. What it has started is removed with it.
    fn run(&self, name: &str, host: &Path, command: &[&str]);

    /// Runs a command in a container, with a terminal or without.
    fn exec(&self, name: &str, has_terminal: bool, command: &[&str]);
}

fn done(command: &mut Command) -> String {
    let output: Output = command.stdin(Stdio::null()).output().expect("start an engine's program");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn root_file_system(dir: &Path) -> PathBuf {
    let tar = dir.join("root.tar");
    image::write_root(&tar, &trigger_path());
    tar
}

/// The options that Docker's client and podman's have in common.
fn run_options<'a>(name: &'a str, mount: &'a str) -> [&'a str; 9] {
    ["run", "--detach", "--network=none", "--name", name, "--label", "tier=web", "--volume", mount]
}

fn exec_options(name: &str, has_terminal: bool) -> impl Iterator<Item = &str> {
    ["exec"].into_iter().chain(has_terminal.then_some("--tty")).chain([name])
}

/// Docker; it and every container in it end when it is dropped.
#[derive(Debug)]
pub struct Docker {
    dir: PathBuf,
    child: Child,
}

impl Docker {
    /// Starts one below `dir`, with the image of the tests.
    pub fn start(dir: &Path) -> Self {
        fs::create_dir_all(dir).expect("create Docker's directory");
        let log = File::create(dir.join("log")).expect("create Docker's log");
        let place = |option: &str, path: &str| format!("{option}={}", dir.join(path).display());
        let mut command = Command::new("dockerd");
        command.args([place("--data-root", "data"), place("--exec-root", "exec")]);
        command.args([place("--pidfile", "pid"), format!("--host={}", Self::host(dir))]);
        command.args(["--bridge=none", "--iptables=false", "--ip6tables=false"]);
        command.args(["--ip-forward=false", "--oom-score-adjust=0"]);
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("clone the log")).stderr(log);
        let child = end_with_parent(&mut command).spawn().expect("start dockerd");
        let docker = Self { dir: dir.to_owned(), child };
        wait::until("Docker to answer", || {
            let answer = docker.client().arg("version").output().expect("start docker");
            answer.status.success().then_some(())
        });
        done(docker.client().arg("import").arg(root_file_system(dir)).arg(image::NAME));
        docker
    }

    fn host(dir: &Path) -> String {
        format!("unix://{}", dir.join("sock").display())
    }

    fn client(&self) -> Command {
        let mut client = Command::new(DOCKER);
        client.arg("--host").arg(Self::host(&self.dir)).stdin(Stdio::null());
        client
    }
}

impl Docker {
    /// Starts a container with a health check of this command, once a second.
    pub fn run_with_check(&self, name: &str, check: &str, command: &[&str]) {
        let mut run = self.client();
        run.args(["run", "--detach", "--network=none", "--name", name, "--health-interval=1s"]);
        done(run.arg("--health-cmd").arg(check).arg(image::NAME).args(command));
    }
}

impl Docker {
    /// Starts a container with these options.
    pub fn run_with(&self, name: &str, options: &[&str], command: &[&str]) {
        let mut run = self.client();
        run.args(["run", "--detach", "--network=none", "--name", name]);
        done(run.args(options).arg(image::NAME).args(command));
    }

    /// Makes another image of that name; its id.
    pub fn import(&self, name: &str) -> String {
        let root = root_file_system(&self.dir);
        done(self.client().arg("import").arg(root).arg(name)).trim().to_owned()
    }

    /// Has its client do something.
    pub fn told(&self, args: &[&str]) {
        done(self.client().args(args));
    }

    /// Where it is told what to do.
    pub fn socket(&self) -> PathBuf {
        self.dir.join("sock")
    }
}

impl Docker {
    /// Starts a command in a container, and leaves it there.
    pub fn start_in(&self, name: &str, command: &[&str]) {
        done(self.client().args(["exec", "--detach", name]).args(command));
    }

    /// Builds an image of the tests' one with a step that runs a command.
    pub fn build(&self, command: &[&str]) {
        let context = self.dir.join("context");
        fs::create_dir_all(&context).expect("make a context");
        let file = format!("FROM {}\nRUN {}\n", image::NAME, json!(command));
        fs::write(context.join("Dockerfile"), file).expect("write a Dockerfile");
        let mut build = self.client();
        build.env("DOCKER_BUILDKIT", "1").args(["build", "--network=none", "--tag=built"]);
        done(build.arg(&context));
    }
}

impl Engine for Docker {
    fn run(&self, name: &str, host: &Path, command: &[&str]) {
        let mount = format!("{}:/host:ro", host.display());
        done(self.client().args(run_options(name, &mount)).arg(image::NAME).args(command));
    }

    fn exec(&self, name: &str, has_terminal: bool, command: &[&str]) {
        done(self.client().args(exec_options(name, has_terminal)).args(command));
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        let list = self.client().args(["ps", "--all", "--quiet"]).output();
        let list = list.map(|output| output.stdout).unwrap_or_default();
        let list = String::from_utf8_lossy(&list);
        if !list.is_empty() {
            let removed =
                self.client().args(["rm", "--force"]).args(list.split_whitespace()).output();
            drop(removed);
        }
        end(&mut self.child);
    }
}

/// podman, which has no daemon; its containers end when it is dropped.
#[derive(Debug)]
pub struct Podman {
    dir: PathBuf,
}

impl Podman {
    /// One below `dir`, with the image of the tests.
    pub fn start(dir: &Path) -> Self {
        fs::create_dir_all(dir).expect("create podman's directory");
        let podman = Self { dir: dir.to_owned() };
        done(podman.client().arg("import").arg(root_file_system(dir)).arg(image::NAME));
        podman
    }

    /// Makes another image of that name; its id.
    pub fn import(&self, name: &str) -> String {
        let root = root_file_system(&self.dir);
        let id = done(self.client().args(["import", "--quiet"]).arg(root).arg(name));
        id.trim().trim_start_matches("sha256:").to_owned()
    }

    /// The digest of the image of the tests.
    pub fn image_digest(&self) -> String {
        let format = ["image", "inspect", "--format", "{{.Digest}}", image::NAME];
        done(self.client().args(format)).trim().to_owned()
    }

    fn client(&self) -> Command {
        let mut client = Command::new("podman");
        for (option, path) in [("--root", "root"), ("--runroot", "run"), ("--tmpdir", "tmp")] {
            client.arg(option).arg(self.dir.join(path));
        }
        client.args(["--runtime=runc", "--cgroup-manager=cgroupfs", "--events-backend=none"]);
        client
    }
}

impl Engine for Podman {
    fn run(&self, name: &str, host: &Path, command: &[&str]) {
        let mount = format!("{}:/host:ro", host.display());
        let mut client = self.client();
        client.args(run_options(name, &mount)).args(ULIMITS);
        done(client.arg(image::NAME).args(command));
    }

    fn exec(&self, name: &str, has_terminal: bool, command: &[&str]) {
        done(self.client().args(exec_options(name, has_terminal)).args(command));
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        drop(self.client().args(["rm", "--all", "--force", "--time=0"]).output());
        // Its storage is mounted by itself.
        drop(Command::new("umount").arg("--recursive").arg(self.dir.join("root/overlay")).output());
    }
}

/// runc by itself; its containers end when it is dropped.
#[derive(Debug)]
pub struct Runc {
    dir: PathBuf,
}

impl Runc {
    /// One below `dir`, with the root file system of the tests.
    pub fn start(dir: &Path) -> Self {
        let root_fs = dir.join("rootfs");
        fs::create_dir_all(&root_fs).expect("create runc's directory");
        let tar = File::open(root_file_system(dir)).expect("open the root file system");
        tar::Archive::new(tar).unpack(&root_fs).expect("unpack the root file system");
        Self { dir: dir.to_owned() }
    }

    fn client(&self) -> Command {
        let mut client = Command::new("runc");
        client.arg("--root").arg(self.dir.join("root"));
        client
    }

    /// The same as [`Engine::run`], in a cgroup of that path.
    pub fn run_in(&self, name: &str, cgroup: &str, host: &Path, command: &[&str]) {
        let bundle = self.bundle(name, cgroup, host, command);
        self.run_bundle(&["--detach"], &bundle, name);
    }

    /// The same as [`Engine::run`], with what is changed in its configuration.
    pub fn run_as(
        &self,
        name: &str,
        host: &Path,
        command: &[&str],
        change: impl FnOnce(&mut Value),
    ) {
        let bundle = self.bundle(name, &format!("/{name}"), host, command);
        let path = bundle.join("config.json");
        let text = fs::read(&path).expect("read a bundle's configuration");
        let mut config: Value = serde_json::from_slice(&text).expect("it is JSON");
        change(&mut config);
        fs::write(path, config.to_string()).expect("write a bundle's configuration");
        self.run_bundle(&["--detach"], &bundle, name);
    }

    /// Starts a command in a container, and leaves it there; with options of `runc exec`.
    pub fn start_in(&self, name: &str, options: &[&str], command: &[&str]) {
        let mut exec = self.client();
        exec.args(["exec", "--detach"]).args(options).arg(name).args(command);
        // It has the streams of who starts it.
        let status = exec.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(status.expect("start runc").success(), "{exec:?}");
    }

    /// The first process of a container, as the host numbers it.
    pub fn pid(&self, name: &str) -> u64 {
        let state = done(self.client().arg("state").arg(name));
        let state: Value = serde_json::from_str(&state).expect("it is JSON");
        state["pid"].as_u64().expect("a process id")
    }

    /// Runs a container to its end; nothing is left of it.
    pub fn run_through(&self, name: &str, host: &Path, command: &[&str]) {
        let bundle = self.bundle(name, &format!("/{name}"), host, command);
        self.run_bundle(&[], &bundle, name);
    }

    fn run_bundle(&self, options: &[&str], bundle: &Path, name: &str) {
        let mut run = self.client();
        run.arg("run").args(options).arg("--bundle").arg(bundle).arg(name);
        // The container has the streams of who starts it.
        let status = run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(status.expect("start runc").success(), "{run:?}");
    }

    fn bundle(&self, name: &str, cgroup: &str, host: &Path, command: &[&str]) -> PathBuf {
        let bundle = self.dir.join("bundles").join(name);
        fs::create_dir_all(&bundle).expect("create a bundle");
        done(self.client().arg("spec").arg("--bundle").arg(&bundle));
        let path = bundle.join("config.json");
        let text = fs::read(&path).expect("read a bundle's configuration");
        let mut config: Value = serde_json::from_slice(&text).expect("it is JSON");
        config["process"]["args"] = json!(command);
        config["process"]["terminal"] = json!(false);
        config["process"]["rlimits"] = json!([]);
        config["root"]["path"] = json!(self.dir.join("rootfs"));
        config["linux"]["cgroupsPath"] = json!(cgroup);
        let mount = json!({
            "destination": "/host", "type": "bind", "source": host, "options": ["rbind", "ro"],
        });
        config["mounts"].as_array_mut().expect("there are mounts").push(mount);
        fs::create_dir_all(self.dir.join("rootfs/host")).expect("create a place for the mount");
        fs::write(path, config.to_string()).expect("write a bundle's configuration");
        bundle
    }
}

impl Engine for Runc {
    fn run(&self, name: &str, host: &Path, command: &[&str]) {
        self.run_in(name, &format!("/{name}"), host, command);
    }

    fn exec(&self, name: &str, has_terminal: bool, command: &[&str]) {
        let mut exec = self.client();
        if !has_terminal {
            done(exec.arg("exec").arg(name).args(command));
            return;
        }
        // It takes the terminal of who calls it.
        let line = format!(
            "runc --root {} exec --tty {name} {}",
            self.dir.join("root").display(),
            command.join(" ")
        );
        done(Command::new("script").args(["--quiet", "--return", "--command", &line, "/dev/null"]));
    }
}

impl Drop for Runc {
    fn drop(&mut self) {
        let Ok(entries) = fs::read_dir(self.dir.join("root")) else { return };
        for entry in entries.flatten() {
            let removed = self.client().args(["delete", "--force"]).arg(entry.file_name()).output();
            let removed = removed.expect("start runc");
            let stderr = String::from_utf8_lossy(&removed.stderr);
            assert!(removed.status.success() || std::thread::panicking(), "{stderr}");
        }
    }
}
