//! Receivers of syslog as Debian has them: rsyslog and syslog-ng, which write down what comes.

use std::env;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::daemon::item;
use crate::wait;

/// Where they are unpacked.
const SYSLOG: &str = "SYSLOG";

/// Directories of libraries, below there.
const LIBRARIES: [&str; 3] =
    ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "usr/lib/syslog-ng"];

/// Whether one of them was unpacked, by its name.
pub fn is_unpacked(name: &str) -> bool {
    let root = env::var_os(SYSLOG).map(PathBuf::from);
    root.is_some_and(|root| root.join("usr/sbin").join(name).is_file())
}

/// A receiver, whose configuration and files are in a directory of its own, killed in the end.
pub struct SyslogServer {
    dir: PathBuf,
    root: PathBuf,
    port: u16,
    program: Program,
    child: Option<Child>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Program {
    Rsyslog,
    SyslogNg,
}

impl SyslogServer {
    /// rsyslog on a free port of TCP; with a directory of certificates over TLS, for who has a
    /// certificate of the authority.
    pub fn rsyslog(dir: &Path, certificates: Option<&Path>) -> Self {
        let this = Self::new(dir, Program::Rsyslog);
        let (port, out) = (this.port, this.out());
        let (mut global, mut module) = (String::new(), String::new());
        if let Some(certificates) = certificates {
            let file = |name: &str| certificates.join(name).display().to_string();
            let (ca, own, key) = (file("ca.pem"), file("localhost.pem"), file("localhost.key"));
            global = format!(
                "defaultNetstreamDriver=\"gtls\" defaultNetstreamDriverCAFile=\"{ca}\" \
                 defaultNetstreamDriverCertFile=\"{own}\" defaultNetstreamDriverKeyFile=\"{key}\""
            );
            module = "streamDriver.name=\"gtls\" streamDriver.mode=\"1\" \
                      streamDriver.authMode=\"x509/certvalid\""
                .to_owned();
        }
        let text = format!(
            "global(workDirectory={dir:?} maxMessageSize=\"256k\" net.enableDNS=\"off\" {global})\n\
             module(load=\"imtcp\" {module})\n\
             input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")\n\
             action(type=\"omfile\" file={out:?} template=\"RSYSLOG_SyslogProtocol23Format\")\n"
        );
        this.started(&text)
    }

    /// syslog-ng on a free port of TCP; it writes down what it understood. It hangs up at longer
    /// messages.
    pub fn syslog_ng(dir: &Path, longest: usize) -> Self {
        let this = Self::new(dir, Program::SyslogNg);
        let (port, out) = (this.port, this.out());
        let text = format!(
            "@version: 3.38\n\
             options {{ keep-hostname(yes); use-dns(no); log-msg-size({longest}); }};\n\
             source s {{ syslog(ip(127.0.0.1) port({port}) transport(\"tcp\")); }};\n\
             destination d {{ file({out:?} template(\"${{FACILITY_NUM}}.${{LEVEL_NUM}} \
             ${{PROGRAM}} ${{MSGID}} ${{.SDATA.runmon@32473.number}} ${{.SDATA.runmon@32473.act}} \
             ${{MESSAGE}}\\n\")); }};\n\
             log {{ source(s); destination(d); }};\n"
        );
        this.started(&text)
    }

    fn new(dir: &Path, program: Program) -> Self {
        let root = env::var_os(SYSLOG).map(PathBuf::from).expect("they are unpacked");
        let listener = TcpListener::bind("127.0.0.1:0").expect("find a free port");
        let port = listener.local_addr().expect("its address").port();
        Self { dir: dir.to_owned(), root, port, program, child: None }
    }

    fn started(mut self, configuration: &str) -> Self {
        fs::write(self.dir.join("conf"), configuration).expect("write the configuration");
        self.start();
        self
    }

    /// Starts it, and waits until it listens.
    pub fn start(&mut self) {
        let file = |name: &str| self.dir.join(name);
        let (root, conf) = (&self.root, file("conf"));
        let mut command = match self.program {
            Program::Rsyslog => {
                let mut command = Command::new(root.join("usr/sbin/rsyslogd"));
                command.arg("-n").arg("-f").arg(conf).arg("-i").arg(file("pid"));
                command.arg("-M").arg(root.join("usr/lib/x86_64-linux-gnu/rsyslog"));
                command
            }
            Program::SyslogNg => {
                let mut command = Command::new(root.join("usr/sbin/syslog-ng"));
                command.args(["--foreground", "--no-caps", "--cfgfile"]).arg(conf);
                command.arg("--persist-file").arg(file("persist"));
                command.arg("--pidfile").arg(file("pid")).arg("--control").arg(file("control"));
                command.arg("--module-path").arg(root.join("usr/lib/syslog-ng/3.38"));
                command
            }
        };
        let libraries = LIBRARIES.map(|of| root.join(of));
        let libraries = env::join_paths(libraries).expect("directories");
        let log = || fs::File::create(file("log")).expect("create the receiver's log");
        command.env("LD_LIBRARY_PATH", libraries).current_dir(&self.dir);
        command.stdin(Stdio::null()).stdout(log()).stderr(log());
        self.child = Some(command.spawn().expect("start the receiver"));
        let listens = || TcpStream::connect(("127.0.0.1", self.port)).ok();
        if wait::until_or(listens).is_none() {
            panic!("it does not listen: {}", fs::read_to_string(file("log")).unwrap_or_default());
        }
    }

    /// Kills it, which leaves it no time for anything.
    pub fn kill(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        child.kill().and_then(|()| child.wait()).expect("kill the receiver");
    }

    /// A sink that sends there.
    pub fn sink(&self, more: &str) -> String {
        let port = self.port;
        item(&format!("kind: \"syslog\"\naddress: \"localhost:{port}\"\n{more}\n"))
    }

    /// Where it writes what it gets.
    pub fn out(&self) -> PathBuf {
        self.dir.join("out")
    }

    /// What it wrote.
    pub fn taken(&self) -> String {
        let bytes = fs::read(self.out()).unwrap_or_default();
        String::from_utf8(bytes).expect("messages are UTF-8")
    }
}

impl Drop for SyslogServer {
    fn drop(&mut self) {
        self.kill();
    }
}
