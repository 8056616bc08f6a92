//! Names of addresses, as each container was told them: learned from the answers of name servers
//! that it asked, and found again when it goes to the address.
//!
//! What another container was told is nobody else's: an answer counts for who asked.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    net::IpAddr,
    sync::Arc,
};

use crate::{
    dns::DnsMessage,
    event::{Container, Fact, FactSource, Reason},
    limits::{
        DNS_QUESTION_NS, DNS_QUESTIONS, NAME_NS, NAMED_ADDRESSES, NAMED_ADDRESSES_OF_CONTAINER,
        NAMES_OF_ADDRESS,
    },
};

const SECOND_NS: u64 = 1_000_000_000;
const QUERY: u8 = 0;
const WELL: u8 = 0;

/// What happened so far, for the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NameStats {
    /// Addresses whose names are known, in all containers.
    pub addresses: usize,
    /// Addresses whose names were forgotten for lack of room.
    pub evicted: u64,
    /// Questions that were forgotten for lack of room: their answers tell no names.
    pub questions_evicted: u64,
    /// Answers to no question that was seen.
    pub unasked: u64,
}

/// A question under way: by socket and number.
type QuestionKey = (u64, u16);

struct Question {
    name: Arc<str>,
    record_type: u16,
    asked_ns: u64,
}

/// The names of one address, the latest first, each with the time until which it is good.
struct Named {
    names: Vec<(Arc<str>, u64)>,
    used_ns: u64,
}

#[derive(Default)]
struct Table {
    by_address: HashMap<IpAddr, Named, ahash::RandomState>,
    /// The addresses by when they were last used. A server's answer brings many, and to look
    /// through all for the oldest would let it slow the line down.
    by_use: BTreeSet<(u64, IpAddr)>,
    used_ns: u64,
}

impl Table {
    /// What is known of an address, which is used now.
    fn used(&mut self, address: IpAddr, now_ns: u64) -> Option<&mut Named> {
        self.used_ns = now_ns;
        let named = self.by_address.get_mut(&address)?;
        self.by_use.remove(&(named.used_ns, address));
        self.by_use.insert((now_ns, address));
        named.used_ns = now_ns;
        Some(named)
    }

    /// Makes a place for an address that is not there.
    fn add(&mut self, address: IpAddr, now_ns: u64) {
        self.by_use.insert((now_ns, address));
        self.by_address.insert(address, Named { names: Vec::new(), used_ns: now_ns });
    }

    /// Forgets the address that was not used for longest; false where there is none.
    fn forget_oldest(&mut self) -> bool {
        let Some((_, oldest)) = self.by_use.pop_first() else { return false };
        self.by_address.remove(&oldest).is_some()
    }
}

/// The names that containers know.
#[derive(Default)]
pub(super) struct Names {
    questions: HashMap<QuestionKey, Question, ahash::RandomState>,
    /// Their keys, oldest first; some are answered by now.
    asked: VecDeque<(u64, QuestionKey)>,
    /// By the path of the cgroup that names the container.
    containers: HashMap<Box<str>, Table, ahash::RandomState>,
    stats: NameStats,
}

impl Names {
    /// Takes a question.
    pub(super) fn ask(&mut self, socket: u64, message: &DnsMessage, now_ns: u64) {
        let Some(question) = &message.question else { return };
        self.forget_questions(now_ns);
        let key = (socket, message.id);
        let (name, record_type) = (Arc::clone(&question.name), question.record_type);
        self.questions.insert(key, Question { name, record_type, asked_ns: now_ns });
        self.asked.push_back((now_ns, key));
    }

    /// Takes an answer; true if its question was seen. Only the first to a question counts.
    pub(super) fn answer(
        &mut self,
        container: &Container,
        socket: u64,
        message: &DnsMessage,
        now_ns: u64,
    ) -> bool {
        let asked = self.is_asked(socket, message, now_ns);
        if !asked {
            self.stats.unasked += 1;
            return false;
        }
        self.questions.remove(&(socket, message.id));
        let is_told = message.is_response
            && message.opcode == QUERY
            && message.response_code == WELL
            && is_known(container);
        if let Some(question) = &message.question
            && is_told
        {
            for (address, ttl) in message.resolved() {
                let good_ns = (u64::from(ttl) * SECOND_NS).clamp(*NAME_NS.start(), *NAME_NS.end());
                let until_ns = now_ns.saturating_add(good_ns);
                self.learn(container, address, (Arc::clone(&question.name), until_ns), now_ns);
            }
        }
        true
    }

    /// The names of an address, as a container was told them.
    pub(super) fn of(
        &mut self,
        container: &Container,
        address: IpAddr,
        now_ns: u64,
    ) -> Fact<Box<[Arc<str>]>> {
        let none = Fact::Unknown(Reason::NotLearned);
        let Some(table) = self.containers.get_mut(&*container.cgroup_path) else { return none };
        let Some(named) = table.used(address, now_ns) else { return none };
        let good = named.names.iter().filter(|(_, until_ns)| now_ns < *until_ns);
        let good: Box<[_]> = good.map(|(name, _)| Arc::clone(name)).collect();
        if !good.is_empty() && is_known(container) {
            return Fact::Known(good, FactSource::Dns);
        }
        none
    }

    /// Gives a container the names that it learned while only its cgroup's number was known.
    pub(super) fn rename(&mut self, from: &str, to: &str) {
        if !self.containers.contains_key(to)
            && let Some(table) = self.containers.remove(from)
        {
            self.containers.insert(to.into(), table);
        }
    }

    /// What happened so far.
    pub(super) fn stats(&self) -> NameStats {
        self.stats
    }

    fn is_asked(&self, socket: u64, message: &DnsMessage, now_ns: u64) -> bool {
        let Some(asked) = self.questions.get(&(socket, message.id)) else { return false };
        let is_it =
            |name: &Arc<str>, record_type| (name, record_type) == (&asked.name, asked.record_type);
        now_ns.saturating_sub(asked.asked_ns) < DNS_QUESTION_NS
            && message.question.as_ref().is_some_and(|it| is_it(&it.name, it.record_type))
    }

    /// Forgets questions that are too old to be answered, and the oldest where there is no room.
    fn forget_questions(&mut self, now_ns: u64) {
        while let Some((asked_ns, key)) = self.asked.front().copied() {
            let is_late = now_ns.saturating_sub(asked_ns) >= DNS_QUESTION_NS;
            if !is_late && self.asked.len() < DNS_QUESTIONS {
                return;
            }
            self.asked.pop_front();
            // Answered, or asked anew since.
            if self.questions.get(&key).is_none_or(|it| it.asked_ns != asked_ns) {
                continue;
            }
            self.questions.remove(&key);
            self.stats.questions_evicted += u64::from(!is_late);
        }
    }

    fn learn(
        &mut self,
        container: &Container,
        address: IpAddr,
        (name, until_ns): (Arc<str>, u64),
        now_ns: u64,
    ) {
        self.make_room(&container.cgroup_path, address);
        let table = self.containers.entry(container.cgroup_path.clone()).or_default();
        if !table.by_address.contains_key(&address) {
            self.stats.addresses += 1;
            table.add(address, now_ns);
        }
        let Some(named) = table.used(address, now_ns) else { return };
        named.names.retain(|(known, good_ns)| *known != name && now_ns < *good_ns);
        named.names.insert(0, (name, until_ns));
        named.names.truncate(NAMES_OF_ADDRESS);
    }

    /// Makes room for an address of a container: of its own, what was not used for longest goes;
    /// where all have too many, what the container has that was quiet for longest.
    fn make_room(&mut self, container: &str, address: IpAddr) {
        if let Some(table) = self.containers.get_mut(container) {
            if table.by_address.contains_key(&address) {
                return;
            }
            if table.by_address.len() >= NAMED_ADDRESSES_OF_CONTAINER && table.forget_oldest() {
                self.stats.addresses = self.stats.addresses.saturating_sub(1);
                self.stats.evicted += 1;
            }
        }
        while self.stats.addresses >= NAMED_ADDRESSES {
            let oldest = self.containers.iter().min_by_key(|(path, it)| (it.used_ns, *path));
            let Some(oldest) = oldest.map(|(path, _)| path.clone()) else { return };
            let gone = self.containers.remove(&oldest).map_or(0, |it| it.by_address.len());
            self.stats.addresses = self.stats.addresses.saturating_sub(gone);
            self.stats.evicted += u64::try_from(gone).unwrap_or(u64::MAX);
        }
    }
}

/// Whether a container is told apart from others: one that found no room in the tables is not.
fn is_known(container: &Container) -> bool {
    container.is_host() || !container.cgroup_path.is_empty()
}

#[cfg(test)]
mod tests;
