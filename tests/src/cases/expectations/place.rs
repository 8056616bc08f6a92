//! Services in containers, as Debian has them, and whom they talk to. All of it is on addresses of
//! the loopback device that nobody else has.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::containerd::Container;
use crate::lab::Stage;
use crate::wait;

/// Where the packages are unpacked.
const WORKLOADS: &str = "WORKLOADS";

/// A file of the packages.
pub(super) fn unpacked(path: &str) -> PathBuf {
    env::var_os(WORKLOADS).map(PathBuf::from).unwrap_or_default().join(path)
}

/// Whether they are there.
pub(super) fn is_unpacked() -> bool {
    unpacked("usr/bin/redis-server").exists()
}

/// A container that serves, its volume, and whom it talks to; gone when it is dropped.
pub(super) struct Service<'s> {
    container: Container<'s>,
    volume: Volume,
    _others: Vec<Other>,
}

const WEB: &str = "127.0.53.80:8080";
const DATABASE: &str = "127.0.53.63:6379";

const LIGHTTPD: &str = r#"
server.modules = ("mod_accesslog", "mod_cgi")
server.document-root = "/srv/www"
server.bind = "127.0.53.80"
server.port = 8080
index-file.names = ("index.html")
server.pid-file = "/srv/log/lighttpd.pid"
server.errorlog = "/srv/log/error.log"
accesslog.filename = "/srv/log/access.log"
server.upload-dirs = ("/tmp")
cgi.assign = (".cgi" => "/bin/cat", ".sh" => "/bin/sh")
mimetype.assign = (".html" => "text/html")
"#;

/// What a program of the server gives out.
const PRICES: &str = "Content-Type: text/plain\r\n\r\n42\n";

/// It does what it is told by a file, as another service would by its protocol.
const ORDERS: &str = r#"
export PATH=/bin:/usr/bin
while :; do
    until [ -f $0/next ]; do sleep 0.02; done
    . $0/next
    rm $0/next
done
"#;

/// How a service is started.
struct Setting<'a> {
    /// Where it has its volume.
    inside: &'a str,
    /// Directories of the packages, below its root.
    packages: &'a [&'a str],
    /// For the runtime.
    options: &'a [&'a str],
    command: &'a [&'a str],
}

impl<'s> Service<'s> {
    /// lighttpd with pages and a program.
    pub(super) fn web(stage: &Stage<'s>, image: &str) -> Self {
        let volume = Volume::new();
        for directory in ["www", "log"] {
            fs::create_dir_all(volume.0.join(directory)).expect("make a directory");
        }
        volume.write("lighttpd.conf", LIGHTTPD);
        volume.write("www/index.html", "<h1>Shop</h1>");
        volume.write("www/prices.cgi", PRICES);
        let command = &["/usr/sbin/lighttpd", "-D", "-f", "/srv/lighttpd.conf"];
        let setting =
            Setting { inside: "/srv", packages: &DEBIAN, options: &HOST_NETWORK, command };
        let web = Self::start(stage, image, volume, &setting);
        wait::until("the web server", || TcpStream::connect(WEB).ok().map(drop));
        web
    }

    /// redis, which writes to its volume.
    pub(super) fn database(stage: &Stage<'s>, image: &str) -> Self {
        let command = ["/usr/bin/redis-server", "--bind", "127.0.53.63", "--dir", "/data"];
        let options = ["--appendonly", "yes", "--logfile", "/data/redis.log"];
        let command = &[&command[..], &options].concat();
        let packages = &["usr", "lib", "lib64"];
        let setting = Setting { inside: "/data", packages, options: &HOST_NETWORK, command };
        let database = Self::start(stage, image, Volume::new(), &setting);
        wait::until("the database", || TcpStream::connect(DATABASE).ok().map(drop));
        database
    }

    /// A job of Debian's own tools.
    pub(super) fn batch(stage: &Stage<'s>, image: &str) -> Self {
        let volume = Volume::new();
        for directory in ["in", "out"] {
            fs::create_dir_all(volume.0.join(directory)).expect("make a directory");
        }
        let command = &["/bin/sh", "-c", ORDERS, "/workload"];
        let setting =
            Setting { inside: "/workload", packages: &DEBIAN, options: &HOST_NETWORK, command };
        Self::start(stage, image, volume, &setting)
    }

    /// busybox, a name server and servers that take all that they are sent.
    pub(super) fn shell(stage: &Stage<'s>, image: &str) -> Self {
        let takes = ["127.0.53.1:9000", "127.0.53.8:3333", "127.0.53.9:8443"];
        let mut others: Vec<Other> = takes.iter().map(|address| Other::takes(address)).collect();
        others.push(Other::names("127.0.53.53:53"));
        let shell = Self::busybox(stage, image, &HOST_NETWORK);
        Self { _others: others, ..shell }
    }

    /// busybox in a network of its own.
    pub(super) fn pod(stage: &Stage<'s>, image: &str) -> Self {
        Self::busybox(stage, image, &[])
    }

    fn busybox(stage: &Stage<'s>, image: &str, options: &[&str]) -> Self {
        let command = &["/bin/busybox", "sh", "-c", ORDERS, "/data"];
        let setting = Setting { inside: "/data", packages: &[], options, command };
        Self::start(stage, image, Volume::new(), &setting)
    }

    fn start(stage: &Stage<'s>, image: &str, volume: Volume, setting: &Setting<'_>) -> Self {
        let Setting { inside, packages, options, command } = setting;
        let of_packages = packages.iter().map(|it| mount(&unpacked(it), &format!("/{it}"), "ro"));
        let mounts: Vec<String> = of_packages.chain([mount(&volume.0, inside, "rw")]).collect();
        let mounts = mounts.iter().flat_map(|it| ["--mount", it]);
        let options: Vec<&str> = options.iter().copied().chain(mounts).collect();
        let name = stage.name("service");
        let container = stage.lab.containerd().run_image(image, &name, &options, command);
        Self { container, volume, _others: Vec::new() }
    }

    /// Its first process.
    pub(super) fn pid(&self) -> u32 {
        self.container.pid()
    }

    /// Its volume, on the host.
    pub(super) fn volume(&self) -> &Path {
        &self.volume.0
    }

    /// Runs a program in it.
    pub(super) fn exec(&self, command: &[&str]) -> Output {
        let output = self.container.exec(command);
        assert!(output.status.success(), "{command:?}: {output:?}");
        output
    }

    /// What the web server answers.
    pub(super) fn get(&self, path: &str) -> String {
        self.request(&format!("GET {path} HTTP/1.0\r\n\r\n"))
    }

    /// Sends something to its program.
    pub(super) fn post(&self, path: &str, body: &str) -> String {
        let length = body.len();
        self.request(&format!("POST {path} HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{body}"))
    }

    fn request(&self, request: &str) -> String {
        let mut connection = connect(WEB);
        connection.write_all(request.as_bytes()).expect("send the request");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("read the answer");
        assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
        answer
    }

    /// The first line of what the database answers.
    pub(super) fn ask(&self, command: &str) -> String {
        let mut connection = BufReader::new(connect(DATABASE));
        connection.get_mut().write_all(format!("{command}\r\n").as_bytes()).expect("ask");
        let mut line = String::new();
        connection.read_line(&mut line).expect("read the answer");
        line.trim_end().to_owned()
    }

    /// Has the shell in it run a script to its end.
    pub(super) fn order(&self, script: &str) {
        let (next, new) = (self.volume.0.join("next"), self.volume.0.join("new"));
        fs::write(&new, format!("{script}\n")).expect("write the order");
        fs::rename(&new, &next).expect("give the order");
        wait::until("the order to be done", || (!next.exists()).then_some(()));
    }
}

fn connect(address: &str) -> TcpStream {
    let connection = TcpStream::connect(address).expect("connect");
    connection.set_read_timeout(Some(wait::DEADLINE)).expect("wait no longer");
    connection
}

/// Directories of the packages, for a root of Debian.
const DEBIAN: [&str; 4] = ["usr", "lib", "lib64", "bin"];

/// So that whoever uses it is on the host.
const HOST_NETWORK: [&str; 1] = ["--net-host"];

fn mount(host: &Path, inside: &str, mode: &str) -> String {
    format!("type=bind,src={},dst={inside},options=rbind:{mode}", host.display())
}

/// A folder of the host for a container.
struct Volume(PathBuf);

impl Volume {
    fn new() -> Self {
        let dir = PathBuf::from(format!("/var/lib/runmon-e2e-{}-service", std::process::id()));
        fs::create_dir_all(&dir).expect("make a volume");
        Self(dir)
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.0.join(name), content).expect("write a file");
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

/// A server on the host, until it is dropped.
struct Other {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// How often a server looks whether it is to end.
const LOOK: Duration = Duration::from_millis(50);

impl Other {
    fn start(mut serve: impl FnMut() + Send + 'static) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let is_end = Arc::clone(&ends);
        let thread = thread::spawn(move || {
            while !is_end.load(Ordering::Relaxed) {
                serve();
            }
        });
        Self { ends, thread: Some(thread) }
    }

    /// One that reads all that it is sent.
    fn takes(address: &str) -> Self {
        let listener = TcpListener::bind(address).expect("listen");
        listener.set_nonblocking(true).expect("wait for nobody");
        Self::start(move || match listener.accept() {
            Ok((mut connection, _)) => {
                connection.set_nonblocking(false).expect("wait for it");
                connection.set_read_timeout(Some(wait::DEADLINE)).expect("wait no longer");
                connection.read_to_end(&mut Vec::new()).map(drop).unwrap_or_default();
            }
            Err(_) => thread::sleep(LOOK),
        })
    }

    /// A name server that knows the names of the shop, all at one address.
    fn names(address: &str) -> Self {
        let socket = UdpSocket::bind(address).expect("bind the name server");
        socket.set_read_timeout(Some(LOOK)).expect("wait no longer");
        Self::start(move || {
            let mut question = [0; 512];
            let Ok((len, from)) = socket.recv_from(&mut question) else { return };
            socket.send_to(&answer(&question[..len]), from).map(drop).unwrap_or_default();
        })
    }
}

/// The address of a name of the shop; of others, that there is none.
fn answer(question: &[u8]) -> Vec<u8> {
    let is_known = question.windows(9).any(|it| it == b"\x04shop\x04test".split_at(9).0);
    // The type, before the class, at the end.
    let is_address = question.len() > 4 && question[question.len() - 3] == 1;
    let mut message = question.to_vec();
    let (code, answers) = match (is_known, is_known && is_address) {
        (_, true) => (0, 1),
        (true, false) => (0, 0),
        (false, _) => (3, 0),
    };
    message[2..4].copy_from_slice(&[0x81, 0x80 | code]);
    message[6..12].copy_from_slice(&[0, answers, 0, 0, 0, 0]);
    if answers == 1 {
        message.extend(*b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x7f\0\x35\x01");
    }
    message
}

impl Drop for Other {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}
