//! Images of packages as they were published, which `cargo xtask setup` fetched: files as they
//! are unpacked, and the databases that dpkg and the makers of distroless images write of them.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use image_tar::Layer;
use serde_json::json;

/// Where busybox is, which is of no package.
pub const BUSYBOX: &str = "/usr/bin/busybox";

/// Where pip of Debian's Python installs.
const SITE: &str = "usr/local/lib/python3.11/dist-packages";

/// What slim images leave out.
const LEFT_OUT: [&str; 4] =
    ["usr/share/doc/", "usr/share/man/", "usr/share/locale/", "usr/share/lintian/"];

const OS_RELEASE: &[u8] =
    b"PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\n";

fn unpacked(path: &str) -> PathBuf {
    env::var_os("DATED").map(PathBuf::from).unwrap_or_default().join(path)
}

/// Whether they were fetched.
pub fn is_unpacked(name: &str) -> bool {
    name == "dated packages" && ["debian", "go", "python"].iter().all(|it| unpacked(it).is_dir())
}

/// How the packages of a root are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    /// As dpkg does.
    Dpkg,
    /// A file for each package: images without a package manager.
    Distroless,
}

/// A root under construction, whose directories are merged into `/usr` as Debian's are.
pub struct Root {
    layer: Layer,
    made: BTreeSet<String>,
    status: String,
}

impl Default for Root {
    fn default() -> Self {
        let mut root =
            Self { layer: Layer::default(), made: BTreeSet::new(), status: String::new() };
        for merged in ["bin", "lib", "lib64", "sbin"] {
            root.directory(&format!("usr/{merged}"));
            root.layer.link(merged, &format!("usr/{merged}")).expect("add a link");
        }
        for empty in ["proc", "sys", "dev", "tmp"] {
            root.directory(empty);
        }
        let busybox = fs::read("/bin/busybox").expect("read /bin/busybox");
        root.file(BUSYBOX.trim_start_matches('/'), 0o755, &busybox);
        root.file("etc/passwd", 0o644, b"root:x:0:0:root:/root:/bin/sh\n");
        root
    }
}

impl Root {
    /// One of Debian 12, with these packages.
    pub fn debian(packages: &[&str], database: Database) -> Self {
        let mut root = Self::default();
        root.file("etc/os-release", 0o644, OS_RELEASE);
        for package in packages {
            root.package(package, database);
        }
        if database == Database::Dpkg {
            let status = std::mem::take(&mut root.status);
            root.file("var/lib/dpkg/status", 0o644, status.as_bytes());
        }
        root
    }

    /// Adds packages of Python's, as pip unpacks them.
    pub fn with_wheels(mut self) -> Self {
        let from = unpacked("python");
        for path in below(&from) {
            self.add(&from, &path, &format!("{SITE}/{path}"));
        }
        self
    }

    /// Adds the program of Go's.
    pub fn with_go(mut self, at: &str) -> Self {
        let name = "go/protoc-gen-validate-0.10.1-linux-x86_64.exe";
        let program = fs::read(unpacked(name)).expect("read the program");
        self.file(at, 0o755, &program);
        self
    }

    /// Adds a file.
    pub fn with_file(mut self, path: &str, content: &[u8]) -> Self {
        self.file(path, 0o644, content);
        self
    }

    /// Writes it as an image.
    pub fn write(self, path: &Path, name: &str) {
        let config = json!({ "Env": ["PATH=/usr/local/bin:/usr/bin"], "Cmd": [BUSYBOX] });
        image_tar::write(path, name, self.layer, config).expect("write the image");
    }

    fn package(&mut self, name: &str, database: Database) {
        let from = unpacked("debian").join(name);
        let told = |file: &str| fs::read_to_string(from.join("DEBIAN").join(file));
        let control = told("control").expect("a control file");
        let sums = told("md5sums").expect("a list of sums");
        let files: Vec<String> =
            below(&from).into_iter().filter(|it| !it.starts_with("DEBIAN/")).collect();
        for path in files.iter().filter(|it| !LEFT_OUT.iter().any(|out| it.starts_with(out))) {
            let merged = ["bin/", "lib/", "lib64/", "sbin/"].iter().any(|it| path.starts_with(it));
            let place = if merged { format!("usr/{path}") } else { path.clone() };
            self.add(&from, path, &place);
        }
        match database {
            Database::Dpkg => {
                let status = "\nStatus: install ok installed\n";
                self.status.push_str(&control.replacen('\n', status, 1));
                self.status.push('\n');
                let is_same = control.contains("\nMulti-Arch: same\n");
                let name = if is_same { format!("{name}:amd64") } else { name.to_owned() };
                // dpkg lists what it leaves out, too.
                let list: String = files.iter().map(|path| format!("/{path}\n")).collect();
                let place = format!("var/lib/dpkg/info/{name}");
                self.file(&format!("{place}.list"), 0o644, format!("/.\n{list}").as_bytes());
                self.file(&format!("{place}.md5sums"), 0o644, sums.as_bytes());
            }
            Database::Distroless => {
                let place = format!("var/lib/dpkg/status.d/{name}");
                self.file(&place, 0o644, control.as_bytes());
                self.file(&format!("{place}.md5sums"), 0o644, sums.as_bytes());
            }
        }
    }

    /// Adds what is at `path` below `from`.
    fn add(&mut self, from: &Path, path: &str, place: &str) {
        let path = from.join(path);
        let metadata = path.symlink_metadata().expect("look at a file");
        if metadata.is_symlink() {
            self.above(place);
            let target = fs::read_link(&path).expect("read a link");
            self.layer.link(place, target.to_str().expect("a plain path")).expect("add a link");
        } else {
            let mode = metadata.permissions().mode() & 0o777;
            let content = fs::read(&path).expect("read a file");
            assert_eq!(content.len() as u64, metadata.size());
            self.file(place, mode, &content);
        }
    }

    fn file(&mut self, path: &str, mode: u32, content: &[u8]) {
        self.above(path);
        self.layer.file(path, mode, content).expect("add a file");
    }

    fn directory(&mut self, path: &str) {
        self.above(path);
        if self.made.insert(path.to_owned()) {
            self.layer.directory(path, 0o755).expect("add a directory");
        }
    }

    fn above(&mut self, path: &str) {
        if let Some((above, _)) = path.rsplit_once('/') {
            self.directory(above);
        }
    }
}

/// Files and links below a directory, by their paths from there, in order.
fn below(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![directory.to_path_buf()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(&next).expect("list a directory") {
            let path = entry.expect("an entry").path();
            if path.symlink_metadata().expect("look at a file").is_dir() {
                left.push(path);
            } else {
                let path = path.strip_prefix(directory).expect("it is below");
                found.push(path.to_str().expect("a plain path").to_owned());
            }
        }
    }
    found.sort();
    found
}
