//! Two brokers of Kafka, each of which has all records.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use super::{
    Listener, Ports, Stored, TOPIC, configuration, consume, format, java, read_stored, run,
};
use crate::daemon::item;
use crate::wait;

/// Two brokers and a consumer, killed in the end. The first says who leads, and stays.
pub struct KafkaPair {
    dir: PathBuf,
    ports: [Ports; 2],
    first: Child,
    second: Option<Child>,
    consumer: Child,
}

/// Number of the second.
const SECOND: &str = "2";

/// What holds for both.
const BOTH: &str = "\
default.replication.factor=2
offsets.topic.replication.factor=2
min.insync.replicas=1
";

impl KafkaPair {
    /// Both, with a topic whose partitions they share.
    pub fn start(dir: &Path) -> Self {
        let ports = [Ports::free(), Ports::free()];
        let dirs = ["first", "second"].map(|name| dir.join(name));
        for (number, (dir, own)) in dirs.iter().zip(&ports).enumerate() {
            fs::create_dir(dir).expect("create a directory");
            let mut text = configuration(dir, own, None) + BOTH;
            if number == 1 {
                let ([.., own], [.., other]) = (own.0, ports[0].0);
                text = text
                    .replace("process.roles=broker,controller", "process.roles=broker")
                    .replace("node.id=1", &format!("node.id={SECOND}"))
                    .replace(&format!(",CONTROLLER://127.0.0.1:{own}"), "")
                    .replace(&own.to_string(), &other.to_string());
            }
            fs::write(dir.join("conf"), text).expect("write the configuration");
            format(dir);
        }
        let first = run(&dirs[0], &ports[0]);
        let second = Some(run(&dirs[1], &ports[1]));
        make_topic(&addresses(&ports));
        let consumer = consume(dir, &addresses(&ports));
        Self { dir: dir.to_owned(), ports, first, second, consumer }
    }

    /// A sink that knows both.
    pub fn sink(&self, more: &str) -> String {
        let address = addresses(&self.ports);
        item(&format!("kind: kafka\naddress: \"{address}\"\ntopic: {TOPIC}\n{more}\n"))
    }

    /// The partitions that the second one leads.
    pub fn led_by_second(&self) -> Vec<usize> {
        let told = topics(&addresses(&self.ports), &["--describe"]);
        let word = |line: &str, name: &str| {
            let mut words = line.split_whitespace().skip_while(|word| *word != name);
            words.nth(1).map(str::to_owned)
        };
        let lines = told.lines().filter(|line| word(line, "Leader:").as_deref() == Some(SECOND));
        lines.filter_map(|line| word(line, "Partition:")?.parse().ok()).collect()
    }

    /// Kills the second one, which leaves it no time for anything.
    pub fn kill_second(&mut self) {
        let mut child = self.second.take().expect("it runs");
        child.kill().and_then(|()| child.wait()).expect("kill the broker");
    }

    /// Starts it again.
    pub fn start_second(&mut self) {
        self.second = Some(run(&self.dir.join("second"), &self.ports[1]));
    }

    /// All that the consumer has read, in order of each partition.
    pub fn stored(&self) -> Vec<Stored> {
        read_stored(&self.dir)
    }
}

fn addresses(ports: &[Ports; 2]) -> String {
    ports.each_ref().map(|ports| format!("127.0.0.1:{}", ports.of(Listener::Plain))).join(",")
}

/// Has the tool for topics do something with ours; what it says.
fn topics(addresses: &str, what: &[&str]) -> String {
    let mut tool = java("org.apache.kafka.tools.TopicCommand");
    tool.args(["--bootstrap-server", addresses, "--topic", TOPIC]).args(what);
    let ended = tool.stdin(Stdio::null()).output().expect("start the tool");
    String::from_utf8_lossy(&ended.stdout).into_owned()
}

/// Both brokers must be there, or it cannot be made.
fn make_topic(addresses: &str) {
    let made = wait::until_or(|| {
        let said = topics(addresses, &["--create", "--if-not-exists"]);
        said.contains("Created topic").then_some(())
    });
    assert!(made.is_some(), "the topic cannot be made");
}

impl Drop for KafkaPair {
    fn drop(&mut self) {
        let all = [&mut self.first, &mut self.consumer].into_iter().chain(&mut self.second);
        for child in all {
            child.kill().and_then(|()| child.wait()).map(drop).unwrap_or_default();
        }
    }
}
