//! An exported NetworkPolicy is enforced as a plug-in of a cluster does it: by the rules of a
//! filter in the network of the pod.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::approved;
use super::place::Service;
use crate::cases::recording::Recorder;
use crate::containerd::Container;
use crate::lab::Stage;

/// The pod's.
const IMAGE: &str = "localhost/pod:1";

/// What the pod does, and is used for.
const PRICES: [&str; 2] = ["10.213.0.1", "9000"];
const SHOP: [&str; 2] = ["10.213.0.2", "8080"];
/// What it does not, and is not.
const POOL: [&str; 2] = ["10.213.0.1", "3333"];
const DOOR: [&str; 2] = ["10.213.0.2", "8081"];

/// Asks a web server for its first page; there is none, and it says so.
const ASK: &str = "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 $0 $1 | grep -q HTTP/1";

pub(super) fn enforced(stage: &Stage<'_>) {
    let dir = stage.dir("policy");
    stage.containerd().import(IMAGE, "pod");
    let recording = dir.join("learned.rec");
    let recorder = Recorder::start(stage, &recording, &[]);
    let pods = Pods::start(stage);
    pods.load();
    drop(pods);
    recorder.end().assert(0, &["recorded"]);
    let profile = approved(stage, &dir, &recording, IMAGE);
    let file = dir.join("policy.yaml");
    let to = file.to_str().expect("a plain path");
    let args = ["profile", "export", &profile, "--as", "networkpolicy", "-o", to];
    stage.runmon(args).assert(0, &[]);
    let policy = fs::read_to_string(&file).expect("the policy");

    let pods = Pods::start(stage);
    pods.load();
    pods.pod.order("httpd -p 8081 -h /data");
    assert!(pods.gets(POOL) && pods.is_given(DOOR), "without a policy all is let through");
    let filter = filter(&policy);
    eprintln!("\n{filter}");
    pods.filter(&filter);
    pods.load();
    assert!(!pods.gets(POOL), "nobody is let out who was not: {filter}");
    assert!(!pods.is_given(DOOR), "nobody is let in where nobody was: {filter}");
}

/// A pod of the image, and another one, with a cable between them.
struct Pods<'s> {
    pod: Service<'s>,
    other: Container<'s>,
}

impl<'s> Pods<'s> {
    fn start(stage: &Stage<'s>) -> Self {
        let serves = "httpd -p 9000 -h /; httpd -p 3333 -h /; exec sleep 1000";
        let name = stage.name("other");
        let other = stage.lab.containerd().run(&name, &["/bin/busybox", "sh", "-c", serves]);
        let pod = Service::pod(stage, IMAGE);
        let ends =
            [(other.pid().to_string(), "10.213.0.1/24"), (pod.pid().to_string(), "10.213.0.2/24")];
        let [(one, _), (two, _)] = &ends;
        let cable = ["link", "add", "eth0", "netns", one, "type", "veth"];
        run(Command::new("ip").args(cable).args(["peer", "name", "eth0", "netns", two]));
        for (pid, address) in &ends {
            run(within(pid, "ip").args(["address", "add", address, "dev", "eth0"]));
            run(within(pid, "ip").args(["link", "set", "eth0", "up"]));
        }
        pod.order("httpd -p 8080 -h /data");
        Self { pod, other }
    }

    fn load(&self) {
        assert!(self.gets(PRICES), "it asks another one");
        assert!(self.is_given(SHOP), "another one asks it");
    }

    /// Whether the pod gets an answer of the other one.
    fn gets(&self, [address, port]: [&str; 2]) -> bool {
        let got = self.pod.volume().join("got");
        fs::remove_file(&got).unwrap_or_default();
        let ask = ASK.replace("$0", address).replace("$1", port);
        self.pod.order(&format!("{ask} && echo x > /data/got"));
        got.exists()
    }

    /// Whether the other one gets an answer of the pod.
    fn is_given(&self, [address, port]: [&str; 2]) -> bool {
        self.other.exec(&["/bin/busybox", "sh", "-c", ASK, address, port]).status.success()
    }

    fn filter(&self, rules: &str) {
        let mut restore = within(&self.pod.pid().to_string(), "iptables-restore");
        let mut child = restore.stdin(Stdio::piped()).spawn().expect("start iptables-restore");
        let mut stdin = child.stdin.take().expect("its input");
        stdin.write_all(rules.as_bytes()).expect("give it the rules");
        drop(stdin);
        assert!(child.wait().expect("wait for it").success(), "{rules}");
    }
}

/// A program of the host in the network of a process.
fn within(pid: &str, program: &str) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["--target", pid, "--net", program]);
    command
}

fn run(command: &mut Command) {
    let output = command.output().expect("start it");
    assert!(output.status.success(), "{command:?}: {output:?}");
}

/// A policy, in the form that we write, as rules of a filter. The pod itself is always let.
fn filter(policy: &str) -> String {
    let mut rules = "*filter\n:INPUT DROP\n:FORWARD DROP\n:OUTPUT DROP\n".to_owned();
    for (chain, device) in [("INPUT", "-i"), ("OUTPUT", "-o")] {
        rules.push_str(&format!("-A {chain} {device} lo -j ACCEPT\n"));
        let begun = "-m conntrack --ctstate ESTABLISHED,RELATED";
        rules.push_str(&format!("-A {chain} {begun} -j ACCEPT\n"));
    }
    let (mut chain, mut to) = ("", String::new());
    let value = |line: &str, key: &str| {
        let (_, rest) = line.split_once(&format!("{key}: "))?;
        Some(rest.split([',', '}']).next()?.trim_matches('"').to_owned())
    };
    for line in policy.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        match line {
            "ingress:" => chain = "INPUT",
            "egress:" => chain = "OUTPUT",
            "- ports:" => to.clear(),
            _ => {}
        }
        if let Some(block) = value(line, "cidr") {
            to = format!("-d {block}");
        }
        let (Some(protocol), Some(first)) = (value(line, "protocol"), value(line, "port")) else {
            continue;
        };
        let (protocol, last) = (protocol.to_lowercase(), value(line, "endPort"));
        let last = last.unwrap_or_else(|| first.clone());
        rules
            .push_str(&format!("-A {chain} {to} -p {protocol} --dport {first}:{last} -j ACCEPT\n"));
    }
    rules + "COMMIT\n"
}
