//! A container image of our own: busybox and the triggers in one layer.

use std::fs;
use std::path::Path;
use std::process::Command;

use image_tar::Layer;
use serde_json::json;

/// The image's name.
pub const NAME: &str = "localhost/e2e:1";

/// Where the image has the program of the triggers.
pub const TRIGGER: &str = "/bin/trigger";

/// Writes the image; returns the digest of its manifest (`sha256:…`).
pub fn write(path: &Path, trigger: &Path) -> String {
    write_as(path, trigger, NAME, "")
}

/// The same under a name, with a file that says so, which makes it another image.
pub fn write_as(path: &Path, trigger: &Path, name: &str, content: &str) -> String {
    let config = json!({ "Env": ["PATH=/bin"], "Cmd": ["/bin/sleep", "1000000"] });
    let mut layer = layer(trigger);
    layer.file("etc/content", 0o644, content.as_bytes()).expect("add a file");
    image_tar::write(path, name, layer, config).expect("write the image")
}

/// The same, saying when the image was made.
pub fn write_made(path: &Path, trigger: &Path, name: &str, created: &str) -> String {
    let config = json!({ "Env": ["PATH=/bin"], "Cmd": ["/bin/sleep", "1000000"] });
    image_tar::write_made(created, path, name, layer(trigger), config).expect("write the image")
}

/// The same with databases of packages: busybox is of one of apk's, the trigger of one of dpkg's.
pub fn write_packaged(path: &Path, trigger: &Path, name: &str) -> String {
    let config = json!({ "Env": ["PATH=/bin"], "Cmd": ["/bin/sleep", "1000000"] });
    let mut layer = layer(trigger);
    for directory in
        ["lib", "lib/apk", "lib/apk/db", "var/lib", "var/lib/dpkg", "var/lib/dpkg/info"]
    {
        layer.directory(directory, 0o755).expect("add a directory");
    }
    let apk = b"P:busybox\nV:1\nF:bin\nR:busybox\n";
    layer.file("lib/apk/db/installed", 0o644, apk).expect("add a file");
    let dpkg = b"/.\n/usr\n/usr/bin\n/usr/bin/trigger\n";
    layer.file("var/lib/dpkg/info/trigger:all.list", 0o644, dpkg).expect("add a file");
    image_tar::write(path, name, layer, config).expect("write the image")
}

/// The same with files of that content.
pub fn write_with(path: &Path, trigger: &Path, name: &str, files: &[(&str, &[u8])]) {
    let config = json!({ "Env": ["PATH=/bin"], "Cmd": ["/bin/sleep", "1000000"] });
    let mut layer = layer(trigger);
    let mut made = vec!["bin".to_owned(), "etc".to_owned(), "var".to_owned()];
    for (file, content) in files {
        for (at, _) in file.match_indices('/') {
            let directory = file[..at].to_owned();
            if !made.contains(&directory) {
                layer.directory(&directory, 0o755).expect("add a directory");
                made.push(directory);
            }
        }
        layer.file(file, 0o644, content).expect("add a file");
    }
    image_tar::write(path, name, layer, config).expect("write the image");
}

/// Writes the root file system alone.
pub fn write_root(path: &Path, trigger: &Path) {
    let tar = layer(trigger).into_tar().expect("make the root file system");
    fs::write(path, tar).expect("write the root file system");
}

/// The root file system: programs, links, and the few files that programs look for.
fn layer(trigger: &Path) -> Layer {
    let mut layer = Layer::default();
    for (directory, mode) in
        [("bin", 0o755), ("etc", 0o755), ("root", 0o755), ("var", 0o755), ("tmp", 0o1777)]
    {
        layer.directory(directory, mode).expect("add a directory");
    }
    let busybox = fs::read("/bin/busybox").expect("read /bin/busybox (Debian's busybox-static)");
    let trigger = fs::read(trigger).expect("read the trigger");
    for (path, mode, content) in [
        ("bin/busybox", 0o755, busybox.as_slice()),
        ("bin/trigger", 0o755, &trigger),
        ("etc/passwd", 0o644, b"root:x:0:0:root:/root:/bin/sh\n"),
        ("etc/shadow", 0o600, b"root:*:1::::::\n"),
        ("etc/hosts", 0o644, b"127.0.0.1 localhost\n"),
    ] {
        layer.file(path, mode, content).expect("add a file");
    }
    for applet in applets().lines().filter(|applet| *applet != "busybox") {
        layer.link(&format!("bin/{applet}"), "busybox").expect("add a link");
    }
    layer
}

fn applets() -> String {
    let list = Command::new("/bin/busybox").arg("--list").output().expect("start busybox");
    String::from_utf8(list.stdout).expect("busybox has plain names")
}
