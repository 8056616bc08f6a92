//! rotel, a collector of OpenTelemetry that others wrote. It hands on what it gets.

use std::env;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::daemon::item;
use crate::wait;

/// Where it is unpacked.
const ROTEL: &str = "ROTEL";

fn root() -> Option<PathBuf> {
    env::var_os(ROTEL).map(PathBuf::from)
}

/// Whether it was unpacked, by the name of its program.
pub fn is_unpacked(name: &str) -> bool {
    root().is_some_and(|root| root.join("rotel").join(name).is_file())
}

/// A running one, killed in the end.
pub struct Rotel {
    port: u16,
    child: Child,
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("find a free port");
    listener.local_addr().expect("its address").port()
}

impl Rotel {
    /// Starts it; it hands logs on to a port of this host. Its log is in a directory.
    pub fn start(dir: &Path, to: u16) -> Self {
        let root = root().expect("it is unpacked");
        let (http, grpc) = (free_port(), free_port());
        let at = |port: u16| format!("127.0.0.1:{port}");
        let log = || fs::File::create(dir.join("log")).expect("create the receiver's log");
        let mut command = Command::new(root.join("rotel/rotel-agent"));
        command.arg("start").arg("--otlp-http-endpoint").arg(at(http));
        command.arg("--otlp-grpc-endpoint").arg(at(grpc));
        command.args(["--exporter", "otlp", "--otlp-exporter-protocol", "http"]);
        command.arg("--otlp-exporter-endpoint").arg(format!("http://{}", at(to)));
        command.arg("--pid-file").arg(dir.join("pid")).current_dir(dir);
        command.env("LD_LIBRARY_PATH", root.join("usr/lib/x86_64-linux-gnu"));
        command.stdin(Stdio::null()).stdout(log()).stderr(log());
        let child = command.spawn().expect("start the receiver");
        let this = Self { port: http, child };
        let listens = || TcpStream::connect(("127.0.0.1", http)).ok();
        if wait::until_or(listens).is_none() {
            let log = fs::read_to_string(dir.join("log")).unwrap_or_default();
            panic!("it does not listen: {log}");
        }
        this
    }

    /// A sink that sends there.
    pub fn sink(&self, more: &str) -> String {
        let port = self.port;
        item(&format!("kind: http\npreset: otlp\nurl: \"http://127.0.0.1:{port}\"\n{more}\n"))
    }
}

impl Drop for Rotel {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).expect("kill the receiver");
    }
}
