//! Prometheus as Debian has it, which scrapes a daemon and judges its alert rules.

use std::env;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::containerd::end_with_parent;
use crate::wait;

fn program() -> Option<PathBuf> {
    let path = PathBuf::from(env::var_os("PROMETHEUS")?).join("usr/bin/prometheus");
    path.is_file().then_some(path)
}

/// Whether it was unpacked.
pub fn is_unpacked(name: &str) -> bool {
    name == "prometheus" && program().is_some()
}

/// A running one, killed in the end.
pub struct Prometheus {
    dir: PathBuf,
    port: u16,
    child: Child,
}

impl Prometheus {
    /// Scrapes a daemon each second, with alert rules that are given as a text.
    pub fn start(dir: &Path, target: SocketAddr, rules: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("find a free port");
        let port = listener.local_addr().expect("its address").port();
        drop(listener);
        fs::write(dir.join("rules.yaml"), rules).expect("write the rules");
        let configuration = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n\
             rule_files: [rules.yaml]\n\
             scrape_configs:\n\
             - job_name: runmon\n\
             \x20 static_configs: [{{ targets: [\"{target}\"] }}]\n"
        );
        fs::write(dir.join("conf.yaml"), configuration).expect("write the configuration");
        let log = || fs::File::create(dir.join("log")).expect("create its log");
        let mut command = Command::new(program().expect("it is unpacked"));
        command.arg(format!("--config.file={}", dir.join("conf.yaml").display()));
        command.arg(format!("--storage.tsdb.path={}", dir.join("data").display()));
        command.arg(format!("--web.listen-address=127.0.0.1:{port}")).current_dir(dir);
        command.stdin(Stdio::null()).stdout(log()).stderr(log());
        let child = end_with_parent(&mut command).spawn().expect("start Prometheus");
        let this = Self { dir: dir.to_owned(), port, child };
        let is_ready = || this.get("/-/ready").filter(|(code, _)| *code == 200);
        assert!(wait::until_or(is_ready).is_some(), "it is not ready: {}", this.log());
        this
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        // Without chunks, and closed at the end.
        let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.get(9..12)?.parse().ok()?, body.to_owned()))
    }

    /// What its API answers.
    pub fn api(&self, path: &str) -> Value {
        let (_, body) = self.get(&format!("/api/v1/{path}")).expect("an answer");
        let answer: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(answer["status"], "success", "{answer:#} {}", self.log());
        answer["data"].clone()
    }

    /// The value of a query that has one; its characters must be plain.
    pub fn query(&self, query: &str) -> Option<f64> {
        let plain: String = query
            .bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'0'..=b'9' | b'_' => char::from(byte).to_string(),
                _ => format!("%{byte:02X}"),
            })
            .collect();
        let data = self.api(&format!("query?query={plain}"));
        data["result"][0]["value"][1].as_str().map(|value| value.parse().expect("a number"))
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).map(drop).unwrap_or_default();
    }
}
