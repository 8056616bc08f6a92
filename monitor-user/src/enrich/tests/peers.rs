//! Whose addresses are.

use monitor_common::{RecordKind, Socket};

use super::*;
use crate::{
    enrich::holders::{Holder, HolderKind, HolderStats},
    event::Peer,
    limits::{HOLDERS, PEERS},
};

const WEB: &str = "/default/web";

/// A container in a network of its own.
fn networked(path: &str) -> Container {
    let id = path.rsplit('/').next().unwrap();
    let known = |text: &str| Fact::Known(text.into(), FactSource::Bundle);
    Container {
        runtime: known("containerd"),
        pod_name: known(&format!("pod-of-{id}")),
        host_network: Fact::Known(false, FactSource::Bundle),
        ..container(id, path)
    }
}

fn enter(bench: &mut Bench, cgroup: u64, path: &str, pid: u32) -> Who {
    bench.cgroup(cgroup, path);
    bench.learn(path, Some(networked(path)));
    Who::new(pid).in_cgroup(cgroup)
}

fn from_to(source: [u8; 4], destination: [u8; 4]) -> Socket {
    let mut socket = records::tcp4(destination, 80);
    socket.source[..4].copy_from_slice(&source);
    socket.source_port = 40_000;
    socket
}

const SERVER: [u8; 4] = [10, 0, 0, 5];

/// What a container does in a network.
fn connects(bench: &mut Bench, who: Who, network: u32, socket: Socket) -> Fact<Box<Peer>> {
    let record = records::connect(who, socket, b"").with(|it| it.network_namespace = network);
    let event = bench.event(&record);
    event.action.socket().unwrap().peer.clone()
}

fn pod(peer: &Fact<Box<Peer>>) -> Result<(&str, bool), Reason> {
    match peer {
        Fact::Known(peer, FactSource::Traffic) => {
            Ok((peer.container.pod_name.known().unwrap(), peer.is_shared))
        }
        Fact::Known(..) => panic!("another source"),
        Fact::Unknown(reason) => Err(*reason),
    }
}

#[test]
fn an_address_is_whose_socket_had_it() {
    let mut bench = Bench::new();
    let (web, host) = (enter(&mut bench, 50, WEB, 9), Who::new(10));
    let to_server = from_to([10, 0, 0, 1], SERVER);
    assert_eq!(pod(&connects(&mut bench, host, 1, to_server)), Err(Reason::NotLearned));
    // It serves: of an accepted connection the destination is its own.
    let mut accepted = from_to(SERVER, [10, 0, 0, 1]);
    accepted.source_port = 80;
    let record = records::socket_act(RecordKind::Accept, web, accepted);
    bench.event(&record.with(|it| it.network_namespace = 2));
    let record = records::connect(host, to_server, b"").after_ns(3_000_000_000);
    let event = bench.event(&record);
    let peer = &event.action.socket().unwrap().peer;
    assert_eq!(pod(peer), Ok(("pod-of-web", false)));
    assert_eq!(peer.known().unwrap().age_ns, 3_000_000_000);
    // What the host itself has is no container's, and loopback is everybody's.
    assert_eq!(
        pod(&connects(&mut bench, host, 1, from_to(SERVER, [10, 0, 0, 1]))),
        Err(Reason::NotLearned)
    );
    let own = from_to([127, 0, 0, 1], [127, 0, 0, 1]);
    assert_eq!(pod(&connects(&mut bench, web, 2, own)), Err(Reason::NotApplicable));
    assert_eq!(bench.0.peer_stats().addresses, 1);
    // It is known as it was while it is gone.
    bench.state(&records::cgroup_rmdir((0, 50), WEB));
    assert_eq!(pod(&connects(&mut bench, host, 1, to_server)), Ok(("pod-of-web", false)));
}

/// The containers of a pod share a network, and only the pod is sure. Another network that has the
/// same address makes it nobody's, as long as the first is there.
#[test]
fn an_address_of_several_is_told_as_such() {
    let mut bench = Bench::new();
    let web = enter(&mut bench, 50, WEB, 9);
    let side = enter(&mut bench, 60, "/default/side", 10);
    let rogue = enter(&mut bench, 70, "/default/rogue", 11);
    let own = from_to(SERVER, SERVER);
    assert_eq!(pod(&connects(&mut bench, web, 2, own)), Ok(("pod-of-web", false)));
    assert_eq!(pod(&connects(&mut bench, side, 2, own)), Ok(("pod-of-side", true)));
    assert_eq!(pod(&connects(&mut bench, web, 2, own)), Ok(("pod-of-web", true)));
    assert_eq!(pod(&connects(&mut bench, rogue, 3, own)), Err(Reason::Ambiguous));
    assert_eq!(pod(&connects(&mut bench, web, 2, own)), Err(Reason::Ambiguous));
    // Who had it last is gone: it is given to the next.
    bench.state(&records::cgroup_rmdir((0, 50), WEB));
    let next = enter(&mut bench, 80, "/default/next", 12);
    assert_eq!(pod(&connects(&mut bench, next, 4, own)), Ok(("pod-of-next", false)));
}

#[test]
fn addresses_are_bounded_and_the_oldest_go() {
    let mut bench = Bench::new();
    let web = enter(&mut bench, 50, WEB, 9);
    for number in 0..=PEERS as u32 {
        let [.., a, b, c] = number.to_be_bytes();
        let record = records::connect(web, from_to([10, a, b, c], [1, 1, 1, 1]), b"");
        bench.event(&record.after_ns(number.into()));
    }
    let stats = bench.0.peer_stats();
    assert_eq!((stats.addresses, stats.evicted), (PEERS, 1));
    let to = |last| from_to([9, 9, 9, 9], [10, 0, 0, last]);
    assert_eq!(pod(&connects(&mut bench, Who::new(10), 1, to(0))), Err(Reason::NotLearned));
    assert_eq!(pod(&connects(&mut bench, Who::new(10), 1, to(1))), Ok(("pod-of-web", false)));
}

fn holder(kind: HolderKind, uid: &str, name: &str, addresses: &[[u8; 4]]) -> Holder {
    Holder {
        kind,
        uid: uid.into(),
        name: name.into(),
        namespace: "shop".into(),
        addresses: addresses.iter().map(|bytes| (*bytes).into()).collect(),
        told_ns: 0,
    }
}

fn told_pod(peer: &Fact<Box<Peer>>) -> Option<&str> {
    match peer {
        Fact::Known(peer, FactSource::Kubernetes) => {
            peer.container.pod_name.known().map(|name| &**name)
        }
        _ => None,
    }
}

/// The API tells before there is traffic, and whose an address is that several took.
#[test]
fn the_api_tells_whose_an_address_is() {
    let mut bench = Bench::new();
    let (web, host) = (enter(&mut bench, 50, WEB, 9), Who::new(10));
    let to_server = from_to([10, 0, 0, 1], SERVER);
    bench.0.hold(holder(HolderKind::Pod, "u1", "api", &[SERVER, [10, 0, 0, 6]]));
    let peer = connects(&mut bench, host, 1, to_server);
    assert_eq!(told_pod(&peer), Some("api"));
    assert!(peer.known().unwrap().is_shared);
    // Somebody else takes it.
    connects(&mut bench, web, 2, from_to(SERVER, [10, 0, 0, 1]));
    assert_eq!(told_pod(&connects(&mut bench, host, 1, to_server)), Some("api"));
    // Traffic of the pod itself says which container.
    let known = |text: &str| Fact::Known(text.into(), FactSource::Bundle);
    bench.learn(WEB, Some(Container { pod_uid: known("u1"), ..networked(WEB) }));
    assert_eq!(pod(&connects(&mut bench, host, 1, to_server)), Ok(("pod-of-web", false)));
    // It is gone: what was seen stands.
    bench.0.hold(holder(HolderKind::Pod, "u1", "", &[]));
    assert_eq!(pod(&connects(&mut bench, host, 1, to_server)), Ok(("pod-of-web", false)));
    let other = from_to([10, 0, 0, 1], [10, 0, 0, 6]);
    assert_eq!(pod(&connects(&mut bench, host, 1, other)), Err(Reason::NotLearned));
    assert_eq!(bench.0.holder_stats().addresses, 0);
}

#[test]
fn an_address_is_of_who_was_told_last() {
    let mut bench = Bench::new();
    let to_server = from_to([10, 0, 0, 1], SERVER);
    bench.0.hold(holder(HolderKind::Pod, "u1", "old", &[SERVER]));
    bench.0.hold(holder(HolderKind::Pod, "u2", "new", &[SERVER]));
    bench.0.hold(holder(HolderKind::Pod, "u1", "", &[]));
    let peer = connects(&mut bench, Who::new(10), 1, to_server);
    assert_eq!(told_pod(&peer), Some("new"));
    for number in 0..HOLDERS {
        bench.0.hold(holder(HolderKind::Service, &format!("s{number}"), "s", &[[10, 9, 0, 1]]));
    }
    assert_eq!(bench.0.holder_stats(), HolderStats { addresses: 2, refused: 1 });
}

#[test]
fn a_service_is_known_by_the_address_that_was_passed() {
    let mut bench = Bench::new();
    let service = |bench: &mut Bench| {
        let record = records::connect(Who::new(10), from_to([10, 0, 0, 1], SERVER), b"");
        bench.event(&record.after_ns(3_000_000_000)).action.socket().unwrap().service.clone()
    };
    assert_eq!(service(&mut bench), Fact::Unknown(Reason::NotLearned));
    bench.0.hold(holder(HolderKind::Service, "s1", "db", &[SERVER]));
    let Fact::Known(known, FactSource::Kubernetes) = service(&mut bench) else { panic!("none") };
    assert_eq!((&*known.name, &*known.namespace), ("db", "shop"));
    assert!(known.age_ns >= 3_000_000_000);
    bench.0.hold(holder(HolderKind::Service, "s1", "", &[]));
    assert_eq!(service(&mut bench), Fact::Unknown(Reason::NotLearned));
}
