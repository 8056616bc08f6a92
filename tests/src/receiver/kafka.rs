//! A broker of Kafka as it is, with a consumer of its own that writes down what the topic has.

pub mod pair;

use std::env;
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::{Mood, QUEUES, Receives};
use crate::containerd::end_with_parent;
use crate::daemon::item;
use crate::wait;

/// The topic.
const TOPIC: &str = "alerts";

/// Partitions of it.
pub const PARTITIONS: usize = 3;

/// Who may write, where it is asked.
pub const USER: &str = "runmon";
/// That one's password.
pub const PASSWORD: &str = "open sesame";

fn jars() -> Option<PathBuf> {
    let jars = PathBuf::from(env::var_os(QUEUES)?).join("kafka");
    jars.is_dir().then_some(jars)
}

/// Whether it is there, by its name.
pub fn is_there(name: &str) -> bool {
    let runs = || Command::new("java").arg("-version").stderr(Stdio::null()).status().is_ok();
    name == "kafka" && jars().is_some() && runs()
}

/// How clients talk to it, each on a port of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// In plain text, whoever they are.
    Plain,
    /// Over TLS, with a certificate.
    Tls,
    /// By name and password.
    Sasl,
}

/// Ports: of the listeners, and of the controller.
struct Ports([u16; 4]);

impl Ports {
    fn free() -> Self {
        let listeners = [(); 4].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
        Self(listeners.map(|it| it.local_addr().expect("its address").port()))
    }

    fn of(&self, listener: Listener) -> u16 {
        let [plain, tls, sasl, _] = self.0;
        match listener {
            Listener::Plain => plain,
            Listener::Tls => tls,
            Listener::Sasl => sasl,
        }
    }
}

/// A broker whose configuration and records are in a directory of its own, killed in the end. It
/// is down while it is told to refuse.
pub struct KafkaServer {
    dir: PathBuf,
    ports: Ports,
    broker: Mutex<Option<Child>>,
    consumer: Child,
}

/// A record, as the consumer writes it down.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The number of its partition.
    pub partition: usize,
    /// Its headers.
    pub headers: String,
    /// Its key.
    pub key: String,
    /// Its text.
    pub value: Value,
}

impl KafkaServer {
    /// One with a topic; of the certificates in a directory it has that of `localhost`.
    pub fn start(dir: &Path, certificates: Option<&Path>) -> Self {
        let ports = Ports::free();
        fs::write(dir.join("conf"), configuration(dir, &ports, certificates)).expect("write");
        format(dir);
        let broker = Mutex::new(Some(run(dir, &ports)));
        let consumer = consume(dir, &format!("127.0.0.1:{}", ports.of(Listener::Plain)));
        Self { dir: dir.to_owned(), ports, broker, consumer }
    }

    fn broker(&self) -> MutexGuard<'_, Option<Child>> {
        self.broker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A sink that sends to a listener.
    pub fn sink_of(&self, listener: Listener, more: &str) -> String {
        let port = self.ports.of(listener);
        // Nobody listens at the first.
        let address = format!("localhost:1,localhost:{port}");
        item(&format!("kind: kafka\naddress: \"{address}\"\ntopic: {TOPIC}\n{more}\n"))
    }

    /// Changes the topic's own configuration.
    pub fn configure(&self, what: &str) {
        let mut tool = java("kafka.admin.ConfigCommand");
        tool.args(["--bootstrap-server", &format!("127.0.0.1:{}", self.ports.of(Listener::Plain))]);
        tool.args(["--alter", "--entity-type", "topics", "--entity-name", TOPIC]);
        let made = tool.args(["--add-config", what]).output().expect("start the tool");
        assert!(made.status.success(), "{made:?}");
    }

    /// All that the consumer has read, in order of each partition.
    pub fn stored(&self) -> Vec<Stored> {
        read_stored(&self.dir)
    }
}

/// What a consumer has written down in a directory.
fn read_stored(dir: &Path) -> Vec<Stored> {
    let text = fs::read(dir.join("out")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let end = text.rfind('\n').unwrap_or_default();
    text[..end].lines().map(stored).collect()
}

/// What stands in a line: `Partition:0`, headers, key and value, with tabs between them.
fn stored(line: &str) -> Stored {
    let parts: Vec<&str> = line.split('\t').collect();
    let [partition, headers, key, value] = parts[..] else { panic!("{line}") };
    let partition = partition.strip_prefix("Partition:").and_then(|it| it.parse().ok());
    Stored {
        partition: partition.unwrap_or_else(|| panic!("{line}")),
        headers: headers.to_owned(),
        key: key.to_owned(),
        value: serde_json::from_str(value).unwrap_or_else(|error| panic!("{error}: {line}")),
    }
}

/// A program of Kafka's, told to be quick to start rather than fast later.
fn java(main: &str) -> Command {
    let mut command = Command::new("java");
    command.args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]);
    command.arg("-cp").arg(jars().expect("it is unpacked").join("*")).arg(main);
    command
}

/// Makes the place for records of a broker that is configured there.
fn format(dir: &Path) {
    let mut format = java("kafka.tools.StorageTool");
    format.args(["format", "--cluster-id", "AAAAAAAAAAAAAAAAAAAAAQ", "--config"]);
    format.arg(dir.join("conf"));
    for hash in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let who = format!("{hash}=[name={USER},iterations=4096,password={PASSWORD}]");
        format.arg("--add-scram").arg(who);
    }
    let made = format.stdin(Stdio::null()).output().expect("start the tool for storage");
    assert!(made.status.success(), "{made:?}");
}

fn run(dir: &Path, ports: &Ports) -> Child {
    let log = || File::create(dir.join("log")).expect("create the broker's log");
    let mut command = java("kafka.Kafka");
    command.arg(dir.join("conf")).current_dir(dir);
    command.stdin(Stdio::null()).stdout(log()).stderr(log());
    let child = end_with_parent(&mut command).spawn().expect("start the broker");
    let listens = || TcpStream::connect(("127.0.0.1", ports.of(Listener::Plain))).ok();
    let said = || fs::read_to_string(dir.join("log")).unwrap_or_default();
    assert!(wait::until_or(listens).is_some(), "it does not listen: {}", said());
    child
}

fn consume(dir: &Path, address: &str) -> Child {
    let file = |name: &str| File::create(dir.join(name)).expect("create a file");
    let mut command = java("org.apache.kafka.tools.consumer.ConsoleConsumer");
    command.args(["--bootstrap-server", address, "--topic", TOPIC, "--from-beginning"]);
    for shown in ["print.partition", "print.headers", "print.key"] {
        command.args(["--property", &format!("{shown}=true")]);
    }
    // New topics are found late otherwise.
    command.args(["--consumer-property", "metadata.max.age.ms=500"]);
    command.stdin(Stdio::null()).stdout(file("out")).stderr(file("consumer"));
    end_with_parent(&mut command).spawn().expect("start the consumer")
}

fn configuration(dir: &Path, ports: &Ports, certificates: Option<&Path>) -> String {
    let [plain, tls, sasl, controller] = ports.0;
    let mut listeners = format!("PLAIN://127.0.0.1:{plain},SASL://127.0.0.1:{sasl}");
    let mut advertised = format!("PLAIN://localhost:{plain},SASL://localhost:{sasl}");
    let mut own = String::new();
    if let Some(certificates) = certificates {
        let file = |name: &str| certificates.join(name);
        let read = |name: &str| fs::read_to_string(file(name)).expect("read a certificate");
        // A file for both, the key first.
        let both = read("localhost.key") + &read("localhost.pem");
        fs::write(file("broker.pem"), both).expect("write the broker's certificate");
        listeners += &format!(",TLS://127.0.0.1:{tls}");
        advertised += &format!(",TLS://localhost:{tls}");
        own = format!(
            "ssl.client.auth=required\nssl.keystore.type=PEM\nssl.keystore.location={}\n\
             ssl.truststore.type=PEM\nssl.truststore.location={}\n",
            file("broker.pem").display(),
            file("ca.pem").display()
        );
    }
    let modules = "org.apache.kafka.common.security";
    format!(
        "process.roles=broker,controller\nnode.id=1\n\
         controller.quorum.voters=1@127.0.0.1:{controller}\n\
         listeners={listeners},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners={advertised}\n\
         listener.security.protocol.map=\
         PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT,TLS:SSL,SASL:SASL_PLAINTEXT\n\
         controller.listener.names=CONTROLLER\ninter.broker.listener.name=PLAIN\n\
         broker.session.timeout.ms=1000\nbroker.heartbeat.interval.ms=100\n\
         log.dirs={}\nnum.partitions={PARTITIONS}\n\
         offsets.topic.replication.factor=1\noffsets.topic.num.partitions=1\n\
         share.coordinator.state.topic.replication.factor=1\n\
         share.coordinator.state.topic.min.isr=1\n\
         transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
         group.initial.rebalance.delay.ms=0\n\
         sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512\n\
         listener.name.sasl.plain.sasl.jaas.config=\
         {modules}.plain.PlainLoginModule required user_{USER}=\"{PASSWORD}\";\n\
         listener.name.sasl.scram-sha-256.sasl.jaas.config=\
         {modules}.scram.ScramLoginModule required;\n\
         listener.name.sasl.scram-sha-512.sasl.jaas.config=\
         {modules}.scram.ScramLoginModule required;\n{own}",
        dir.join("records").display()
    )
}

impl Receives for KafkaServer {
    fn sink(&self, more: &str) -> String {
        self.sink_of(Listener::Plain, more)
    }

    /// It is killed, which leaves it no time for anything, or runs.
    fn becomes(&self, mood: Mood) {
        let mut broker = self.broker();
        match mood {
            Mood::Refuses | Mood::HangsUp => {
                if let Some(mut child) = broker.take() {
                    child.kill().and_then(|()| child.wait()).expect("kill the broker");
                }
            }
            Mood::Takes | Mood::TakesAfter(_) | Mood::Slow(_) => {
                broker.get_or_insert_with(|| run(&self.dir, &self.ports));
            }
        }
    }

    fn taken(&self) -> Vec<Value> {
        self.stored().into_iter().map(|it| it.value).collect()
    }

    fn moods(&self) -> &'static [Mood] {
        &[Mood::Takes, Mood::Refuses]
    }
}

impl Drop for KafkaServer {
    fn drop(&mut self) {
        self.becomes(Mood::HangsUp);
        self.consumer.kill().and_then(|()| self.consumer.wait()).map(|_| ()).unwrap_or_default();
    }
}
