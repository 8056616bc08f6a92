//! Which listeners are listened to when, and what is known of each. A thread holds the taps; who
//! asks never waits for it.

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, SocketAddr},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    time::{Duration, Instant},
};

use super::{
    hello::Class,
    streams::Streams,
    tap::{Network, Tap},
};
use crate::{
    limits::{
        HEARD_AGAIN, HEARD_AGAIN_MAX, HEARD_LISTENERS, TAP_EVERY, TAP_PACKETS, TAP_PORTS,
        TAP_WISHES,
    },
    posture::listeners::Listener,
};

/// What is known of how a listener is spoken to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// How; None where that is not known.
    pub class: Option<Class>,
    /// Connections whose beginnings were looked at.
    pub connections: u64,
    /// For how long it was listened to.
    pub listened: Duration,
    /// Why it could not be.
    pub why: Option<String>,
}

impl Heard {
    /// What came of one more look. Who speaks without TLS once does not speak it only.
    fn note(&mut self, look: &Self) {
        self.connections = self.connections.saturating_add(look.connections);
        self.listened = self.listened.saturating_add(look.listened);
        self.why.clone_from(&look.why);
        self.class = better(self.class, look.class);
    }

    /// Why it is not known.
    #[must_use]
    pub fn unknown(&self) -> String {
        match &self.why {
            Some(why) => why.clone(),
            None if self.listened.is_zero() => "it was not listened to".to_owned(),
            None if self.connections == 0 => "no connection to it was seen to begin".to_owned(),
            None => "the connections to it did not show it".to_owned(),
        }
    }
}

/// Which of two says more.
fn better(known: Option<Class>, new: Option<Class>) -> Option<Class> {
    match (known, new) {
        (Some(Class::Plaintext), _) | (_, None) => known,
        (Some(known), Some(new)) if known.is_whole() && !new.is_whole() => Some(known),
        (_, new) => new,
    }
}

/// A listener: of which network, where, and since when its process runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    network: u64,
    address: IpAddr,
    port: u16,
    started: u64,
}

impl Key {
    fn of(listener: &Listener) -> Self {
        let Listener { network, address, port, started, .. } = *listener;
        Self { network, address, port, started }
    }

    /// How closely it is meant by a connection to a place; None: it is not.
    fn rank(&self, to: SocketAddr, own: &[IpAddr]) -> Option<u8> {
        let ip = to.ip();
        let is_any = self.address.is_unspecified() && (ip.is_loopback() || own.contains(&ip));
        match (self.port == to.port(), self.address == ip) {
            (false, _) => None,
            (true, true) => Some(0),
            // One of the other family can take it, too.
            (true, false) if is_any && self.address.is_ipv4() == ip.is_ipv4() => Some(1),
            (true, false) if is_any && self.address.is_ipv6() => Some(2),
            _ => None,
        }
    }
}

/// Listeners of a network that are to be listened to.
#[derive(Debug)]
struct Wish {
    network: Network,
    keys: Vec<Key>,
}

/// What is known of one.
#[derive(Debug)]
struct Known {
    heard: Heard,
    is_asked: bool,
    /// When it is asked for again.
    due: Instant,
    /// How long after the last time that was.
    wait: Duration,
    /// When it was there last.
    seen: Instant,
}

/// Who knows how listeners are spoken to. The thread ends when this is dropped.
#[derive(Debug)]
pub struct Traffic {
    wishes: SyncSender<Wish>,
    told: Receiver<Vec<(Key, Heard)>>,
    known: HashMap<Key, Known>,
}

impl Traffic {
    /// Starts to listen with these taps, each for so long at most.
    ///
    /// # Errors
    ///
    /// The host has no room for another thread.
    pub fn start(taps: Vec<Box<dyn Tap>>, look: Duration) -> std::io::Result<Self> {
        let (wishes, wished) = sync_channel(TAP_WISHES);
        let (tell, told) = sync_channel(TAP_WISHES);
        let mut desk = Desk { taps, look, waiting: VecDeque::new(), open: Vec::new() };
        let run = move || desk.work(&wished, &tell);
        std::thread::Builder::new().name("traffic".into()).spawn(run)?;
        Ok(Self { wishes, told, known: HashMap::new() })
    }

    /// Says of listeners what is known of how they are spoken to, and has those listened to that
    /// are due.
    pub fn hear(&mut self, listeners: &mut [Listener]) {
        let now = Instant::now();
        while let Ok(told) = self.told.try_recv() {
            self.note(told, now);
        }
        let mut wishes: Vec<Wish> = Vec::new();
        for listener in listeners.iter_mut().filter(|it| &*it.protocol == "tcp") {
            let key = Key::of(listener);
            let Some(known) = self.known_of(&key, now) else { continue };
            listener.heard = known.heard.clone();
            if known.is_asked || now < known.due {
                continue;
            }
            let network = Network { id: listener.network, pid: listener.pid };
            match wishes.iter_mut().find(|it| it.network.id == network.id) {
                Some(wish) if wish.keys.len() < TAP_PORTS => wish.keys.push(key),
                // Further ones are asked for when these are known.
                Some(_) => {}
                None => wishes.push(Wish { network, keys: vec![key] }),
            }
        }
        for wish in wishes {
            let keys = wish.keys.clone();
            // Where there is no room it is asked for at the next look.
            if self.wishes.try_send(wish).is_ok() {
                for key in &keys {
                    self.known.entry(key.clone()).and_modify(|it| it.is_asked = true);
                }
            }
        }
    }

    /// Waits until nothing is asked for any more, so long at most.
    pub fn wait(&mut self, most: Duration) {
        let until = Instant::now() + most;
        while self.known.values().any(|it| it.is_asked) {
            match self.told.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(told) => self.note(told, Instant::now()),
                Err(_) => return,
            }
        }
    }

    /// Networks that are listened to, or wait for it.
    #[must_use]
    pub fn asked(&self) -> usize {
        let asked = self.known.iter().filter(|(_, it)| it.is_asked);
        let networks: std::collections::HashSet<u64> = asked.map(|(key, _)| key.network).collect();
        networks.len()
    }

    fn note(&mut self, told: Vec<(Key, Heard)>, now: Instant) {
        for (key, heard) in told {
            let Some(known) = self.known.get_mut(&key) else { continue };
            known.heard.note(&heard);
            known.is_asked = false;
            if known.heard.class.is_some_and(Class::is_whole) {
                known.wait = HEARD_AGAIN_MAX;
            }
            known.due = now + known.wait;
            known.wait = known.wait.saturating_mul(2).min(HEARD_AGAIN_MAX);
        }
    }

    fn known_of(&mut self, key: &Key, now: Instant) -> Option<&mut Known> {
        if self.known.len() >= HEARD_LISTENERS && !self.known.contains_key(key) {
            let oldest = self.known.iter().min_by_key(|(_, it)| it.seen);
            let oldest = oldest.map(|(key, _)| key.clone())?;
            self.known.remove(&oldest);
        }
        let known = self.known.entry(key.clone()).or_insert_with(|| Known {
            heard: Heard::default(),
            is_asked: false,
            due: now,
            wait: HEARD_AGAIN,
            seen: now,
        });
        known.seen = now;
        Some(known)
    }
}

/// What the thread works with.
struct Desk {
    /// Those that are closed.
    taps: Vec<Box<dyn Tap>>,
    look: Duration,
    waiting: VecDeque<Wish>,
    open: Vec<Open>,
}

/// A tap that is open.
struct Open {
    tap: Box<dyn Tap>,
    since: Instant,
    own: Vec<IpAddr>,
    streams: Streams,
    packets: usize,
    heard: Vec<(Key, Heard)>,
}

impl Desk {
    /// Listens until nobody wants it any more.
    fn work(&mut self, wished: &Receiver<Wish>, tell: &SyncSender<Vec<(Key, Heard)>>) {
        loop {
            let wish = match (self.open.is_empty(), self.waiting.is_empty()) {
                (true, true) => wished.recv().map_err(|_| RecvTimeoutError::Disconnected),
                _ => wished.recv_timeout(TAP_EVERY),
            };
            match wish {
                Ok(wish) => self.waiting.push_back(wish),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let mut told = self.begin();
            told.extend(self.take());
            for one in told {
                if tell.send(one).is_err() {
                    return;
                }
            }
        }
    }

    /// Opens what waits, as far as there are taps; what could not be.
    fn begin(&mut self) -> Vec<Vec<(Key, Heard)>> {
        let mut told = Vec::new();
        while let Some(mut tap) = self.taps.pop() {
            let Some(Wish { network, keys }) = self.waiting.pop_front() else {
                self.taps.push(tap);
                break;
            };
            let ports: Vec<u16> = keys.iter().map(|key| key.port).collect();
            match tap.open(network, &ports) {
                Ok(own) => self.open.push(Open {
                    tap,
                    since: Instant::now(),
                    own,
                    streams: Streams::default(),
                    packets: 0,
                    heard: keys.into_iter().map(|key| (key, Heard::default())).collect(),
                }),
                Err(why) => {
                    self.taps.push(tap);
                    let heard = Heard { why: Some(why), ..Heard::default() };
                    told.push(keys.into_iter().map(|key| (key, heard.clone())).collect());
                }
            }
        }
        told
    }

    /// Takes what came; what was heard where a look is over.
    fn take(&mut self) -> Vec<Vec<(Key, Heard)>> {
        let mut told = Vec::new();
        for mut open in std::mem::take(&mut self.open) {
            if open.take() && open.since.elapsed() < self.look {
                self.open.push(open);
                continue;
            }
            let (tap, heard) = open.end();
            self.taps.push(tap);
            told.push(heard);
        }
        told
    }
}

impl Open {
    /// Takes what came; whether there is more to be known.
    fn take(&mut self) -> bool {
        match self.tap.take() {
            Ok(packets) => {
                self.packets += packets.len();
                for packet in &packets {
                    if let Some((server, class)) = self.streams.take(packet) {
                        self.note(server, class);
                    }
                }
            }
            Err(why) => {
                self.heard.iter_mut().for_each(|(_, heard)| heard.why = Some(why.clone()));
                return false;
            }
        }
        let is_whole = |(_, heard): &(Key, Heard)| heard.class.is_some_and(Class::is_whole);
        self.packets < TAP_PACKETS && !self.heard.iter().all(is_whole)
    }

    fn note(&mut self, server: SocketAddr, class: Option<Class>) {
        let ranked =
            self.heard.iter_mut().filter_map(|it| Some((it.0.rank(server, &self.own)?, it)));
        if let Some((_, (_, heard))) = ranked.min_by_key(|(rank, _)| *rank) {
            heard.note(&Heard { class, connections: 1, ..Heard::default() });
        }
    }

    fn end(mut self) -> (Box<dyn Tap>, Vec<(Key, Heard)>) {
        self.tap.close();
        for (server, class) in self.streams.end() {
            self.note(server, class);
        }
        let listened = self.since.elapsed();
        self.heard.iter_mut().for_each(|(_, heard)| heard.listened = listened);
        (self.tap, self.heard)
    }
}

#[cfg(test)]
mod tests;
