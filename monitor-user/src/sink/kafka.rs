//! Kafka. Documents are records of a topic, which all replicas in sync have before they count as
//! delivered. Those of a container have its id as their key, so that they stay in one partition and
//! in order. The producer is idempotent: what is sent again after a failure is stored once. One
//! that was killed is another one after that, and what it had on its way may be stored twice; the
//! numbers in documents and headers tell.

mod broker;
mod errors;
mod load;
mod partition;
mod producer;
mod records;
mod requests;
mod sasl;
mod wire;

use std::{
    collections::{BTreeMap, HashMap},
    io,
};

use super::{
    Intake,
    batch::{self, Batch, Failure},
    receiver::Places,
    tries::Tries,
    trouble::Why,
};
use broker::Broker;
use errors::{Cure, cure, name};
use load::Load;
use producer::Producer;
use requests::{Cluster, INIT_PRODUCER_ID, METADATA, PRODUCE};
pub use sasl::{Login, Mechanism};

/// What brokers are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaOptions {
    /// The topic of all records.
    pub topic: String,
    /// Whether they are compressed.
    pub gzip: bool,
    /// Who this is, for brokers that ask.
    pub login: Option<Login>,
    /// Name of this host: the key of what is of no container.
    pub hostname: String,
}

/// A ready Kafka sink.
pub struct KafkaSink {
    options: KafkaOptions,
    places: Places,
    /// Who has what, as long as it is right.
    cluster: Option<Cluster>,
    /// Connections to those who have partitions, by their numbers.
    brokers: HashMap<i32, Broker>,
    producer: Producer,
    load: Load,
}

impl KafkaSink {
    /// One that makes its connections when there is something to send.
    #[must_use]
    pub fn new(options: KafkaOptions, places: Places) -> Self {
        let (brokers, producer, load) = (HashMap::new(), Producer::default(), Load::default());
        Self { options, places, cluster: None, brokers, producer, load }
    }

    /// Sends until there are no more documents, or until the monitor ends and they do not go.
    pub fn run(mut self, intake: Intake) {
        let tries = Tries::new(format!("kafka://{}", self.places), None);
        batch::run(intake, tries, |intake, batch| self.send(intake, batch));
    }

    /// Sends what is left of a batch. What fails on connections from before, which brokers may have
    /// closed meanwhile, is tried at once on new ones.
    fn send(&mut self, intake: &Intake, batch: &mut Batch) -> Result<(), Why> {
        if !self.load.is_of(batch) {
            self.producer.give_up();
            self.load = Load::of(batch, intake.schema(), &self.options.hostname);
        }
        let are_old = !self.brokers.is_empty();
        let mut sent = self.deliver(intake, batch);
        if are_old && matches!(sent, Err(Failure::Connection(_))) {
            self.hang_up();
            sent = self.deliver(intake, batch);
        }
        sent.map_err(|failure| {
            // Another broker may have what this one had.
            self.cluster = None;
            match failure {
                Failure::Answer(why) => why.into(),
                Failure::Connection(error) => {
                    self.hang_up();
                    error.into()
                }
            }
        })
    }

    fn hang_up(&mut self) {
        self.brokers.clear();
        self.cluster = None;
    }

    /// Each turn takes something off the batch, or puts down that it goes alone.
    fn deliver(&mut self, intake: &Intake, batch: &mut Batch) -> Result<(), Failure> {
        while !batch.left().is_empty() {
            let cluster = self.cluster()?;
            self.load.send(batch, cluster.leaders.len(), &mut self.producer);
            let asked = self.ask(&cluster, intake, batch)?;
            let mut failed = None;
            for leader in asked {
                let Some(broker) = self.brokers.get_mut(&leader) else { continue };
                for (partition, error) in requests::read_produced(&broker.answer()?)? {
                    if let Err(why) = self.hear(partition, error, batch) {
                        failed.get_or_insert(why);
                    }
                }
            }
            if let Some(why) = failed {
                return Err(Failure::Answer(why));
            }
        }
        Ok(())
    }

    /// Sends what is on its way to those who have the partitions; who they are.
    fn ask(
        &mut self,
        cluster: &Cluster,
        intake: &Intake,
        batch: &Batch,
    ) -> Result<Vec<i32>, Failure> {
        let mut records: BTreeMap<i32, Vec<(i32, Vec<u8>)>> = BTreeMap::new();
        for (partition, chunk) in self.producer.sent() {
            let leader = cluster.leaders.get(partition).filter(|leader| **leader >= 0);
            let (Some(leader), Some(author)) = (leader, self.producer.author(chunk)) else {
                return Err(Failure::Answer(name(NO_LEADER)));
            };
            let bytes = self.load.encode((chunk, author), (batch, intake), &self.options);
            let number = i32::try_from(partition).unwrap_or_default();
            records.entry(*leader).or_default().push((number, bytes));
        }
        for (leader, partitions) in &records {
            let partitions = partitions.iter().map(|(number, bytes)| (*number, &**bytes));
            let body = requests::produce(&self.options.topic, partitions);
            self.broker(*leader, cluster)?.ask(PRODUCE, &body)?;
        }
        Ok(records.into_keys().collect())
    }

    /// What a broker says of a partition.
    fn hear(&mut self, partition: i32, error: i16, batch: &mut Batch) -> Result<(), String> {
        let partition = usize::try_from(partition).unwrap_or(usize::MAX);
        let meaning = if error == 0 { Cure::Nothing } else { cure(error) };
        match meaning {
            Cure::Nothing => {
                self.producer.taken(partition).into_iter().for_each(|place| batch.taken(place));
                Ok(())
            }
            Cure::GiveUp => {
                let places = self.producer.refused(partition);
                match &*places {
                    [place] => batch.refused(*place, name(error)),
                    places => self.load.goes_alone(places),
                }
                Ok(())
            }
            Cure::NewProducer => {
                self.producer.forget();
                Err(name(error))
            }
            Cure::Again => Err(name(error)),
        }
    }

    /// The connection to a broker of the cluster.
    fn broker(&mut self, number: i32, cluster: &Cluster) -> Result<&mut Broker, Failure> {
        use std::collections::hash_map::Entry;
        match self.brokers.entry(number) {
            Entry::Occupied(there) => Ok(there.into_mut()),
            Entry::Vacant(free) => {
                // Others may have been asked already: their connections end with this.
                let unknown = || io::Error::other(name(NO_LEADER));
                let place = cluster.brokers.get(&number).ok_or_else(unknown)?;
                let receiver = self.places.at(place.clone());
                let broker = Broker::connect(receiver, self.options.login.as_ref());
                let at = |error| io::Error::other(format!("the broker at {place}: {error}"));
                Ok(free.insert(broker.map_err(at)?))
            }
        }
    }

    /// Who has what; and has this be a producer.
    fn cluster(&mut self) -> Result<Cluster, Failure> {
        if let Some(cluster) = &self.cluster
            && !self.producer.is_new()
        {
            return Ok(cluster.clone());
        }
        let mut broker = self.any_broker()?;
        let answer = broker.call(METADATA, &requests::metadata(&self.options.topic))?;
        let cluster = requests::read_metadata(&answer)?;
        match cluster.error {
            0 if cluster.leaders.is_empty() => return Err(Failure::Answer(name(NO_LEADER))),
            0 => {}
            error => return Err(Failure::Answer(name(error))),
        }
        if self.producer.is_new() {
            let answer = broker.call(INIT_PRODUCER_ID, &requests::init_producer_id())?;
            let who = requests::read_producer_id(&answer)?;
            self.producer.begin(who.map_err(|error| Failure::Answer(name(error)))?);
        }
        self.cluster = Some(cluster.clone());
        Ok(cluster)
    }

    /// A connection to the first of the known places where one can be made.
    fn any_broker(&mut self) -> io::Result<Broker> {
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for _ in 0..self.places.count() {
            match Broker::connect(self.places.turn(), self.options.login.as_ref()) {
                Ok(broker) => return Ok(broker),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// The error that a partition has no leader.
const NO_LEADER: i16 = 5;

/// A name that a topic can have.
///
/// # Errors
///
/// It can be none.
pub fn topic(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let is_dots = matches!(text, "." | "..");
    if text.is_empty() || text.len() > 249 || is_dots || !text.chars().all(is_plain) {
        return Err(format!("`{text}` is no topic: letters, digits, `.`, `_` and `-`"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
