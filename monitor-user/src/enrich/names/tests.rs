use super::*;
use crate::{
    dns::parse,
    records::dns::{A, CNAME, Message, question},
};

const NOW: u64 = 1_000_000_000_000;
const SHOP: &str = "shop.example";

fn container(path: &str) -> Container {
    Container { id: path.into(), cgroup_path: path.into(), ..Container::host() }
}

/// The last three bytes of an address.
fn ip(number: usize) -> [u8; 4] {
    let [.., a, b, c] = number.to_be_bytes();
    [10, a, b, c]
}

struct Bench {
    names: Names,
    now_ns: u64,
}

impl Bench {
    fn new() -> Self {
        Self { names: Names::default(), now_ns: NOW }
    }

    fn ask(&mut self, socket: u64, message: &Message) {
        self.names.ask(socket, &parse(&message.0).unwrap(), self.now_ns);
    }

    fn answer(&mut self, path: &str, socket: u64, message: &Message) -> bool {
        self.names.answer(&container(path), socket, &parse(&message.0).unwrap(), self.now_ns)
    }

    fn tell(&mut self, path: &str, name: &str, ttl: u32, address: [u8; 4]) {
        let asked = question(7, name, A);
        self.ask(1, &asked);
        assert!(self.answer(path, 1, &asked.answered(0).v4(name, ttl, address)));
    }

    #[track_caller]
    fn expect(&mut self, path: &str, address: [u8; 4], names: &[&str]) {
        let found = self.names.of(&container(path), address.into(), self.now_ns);
        match found {
            Fact::Known(found, FactSource::Dns) => {
                assert_eq!(found.iter().map(|name| &**name).collect::<Vec<_>>(), names);
            }
            Fact::Unknown(Reason::NotLearned) => assert!(names.is_empty(), "nothing is known"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn who_asked_knows_the_name_and_nobody_else() {
    let mut bench = Bench::new();
    bench.tell("/a", SHOP, 60, ip(1));
    bench.expect("/a", ip(1), &[SHOP]);
    bench.expect("/a", ip(2), &[]);
    bench.expect("/b", ip(1), &[]);
    assert_eq!(bench.names.stats().addresses, 1);
}

#[test]
fn what_nobody_asked_tells_nothing() {
    let asked = question(7, SHOP, A);
    let told = asked.clone().answered(0).v4(SHOP, 60, ip(1));
    let other_name = question(7, "bank.example", A).answered(0).v4("bank.example", 60, ip(1));
    let other_id = question(8, SHOP, A).answered(0).v4(SHOP, 60, ip(1));
    let other_type = question(7, SHOP, CNAME).answered(0).v4(SHOP, 60, ip(1));
    let mut bench = Bench::new();
    assert!(!bench.answer("/a", 1, &told), "no question");
    bench.ask(1, &asked);
    for forged in [other_name, other_id, other_type] {
        assert!(!bench.answer("/a", 1, &forged));
    }
    assert!(!bench.answer("/a", 2, &told), "another socket");
    bench.expect("/a", ip(1), &[]);
    assert_eq!(bench.names.stats().unasked, 5);
    assert!(bench.answer("/a", 1, &told));
    bench.expect("/a", ip(1), &[SHOP]);
    // The first answer counts.
    let late = asked.answered(0).v4(SHOP, 60, ip(2));
    assert!(!bench.answer("/a", 1, &late));
    bench.expect("/a", ip(2), &[]);
}

#[test]
fn an_error_or_no_answer_tells_nothing() {
    let asked = question(7, SHOP, A);
    let told = asked.clone().v4(SHOP, 60, ip(1));
    let mut bench = Bench::new();
    for message in [told.clone().answered(3), told.clone()] {
        bench.ask(1, &asked);
        assert!(bench.answer("/a", 1, &message));
        bench.expect("/a", ip(1), &[]);
    }
    bench.ask(1, &asked);
    bench.now_ns += DNS_QUESTION_NS;
    assert!(!bench.answer("/a", 1, &told.answered(0)), "too late");
}

#[test]
fn a_name_is_good_for_a_while() {
    let mut bench = Bench::new();
    bench.tell("/a", SHOP, 0, ip(1));
    bench.tell("/a", SHOP, u32::MAX, ip(2));
    bench.tell("/a", SHOP, 3600, ip(3));
    bench.now_ns = NOW + NAME_NS.start() - 1;
    bench.expect("/a", ip(1), &[SHOP]);
    bench.now_ns += 1;
    bench.expect("/a", ip(1), &[]);
    bench.now_ns = NOW + 3600 * SECOND_NS - 1;
    bench.expect("/a", ip(3), &[SHOP]);
    bench.now_ns += 1;
    bench.expect("/a", ip(3), &[]);
    bench.now_ns = NOW + NAME_NS.end() - 1;
    bench.expect("/a", ip(2), &[SHOP]);
    bench.now_ns += 1;
    bench.expect("/a", ip(2), &[]);
}

#[test]
fn an_address_may_have_several_names() {
    let mut bench = Bench::new();
    for name in ["a.example", "b.example", "c.example", "a.example"] {
        bench.tell("/a", name, 60, ip(1));
    }
    bench.expect("/a", ip(1), &["a.example", "c.example", "b.example"]);
    for name in ["d.example", "e.example"] {
        bench.tell("/a", name, 60, ip(1));
    }
    bench.expect("/a", ip(1), &["e.example", "d.example", "a.example", "c.example"]);
    assert_eq!(bench.names.stats().addresses, 1);
}

#[test]
fn of_a_container_with_too_many_what_was_not_used_goes() {
    let mut bench = Bench::new();
    for number in 0..NAMED_ADDRESSES_OF_CONTAINER {
        bench.now_ns += 1;
        bench.tell("/a", SHOP, 60, ip(number));
    }
    bench.tell("/b", SHOP, 60, ip(0));
    bench.now_ns += 1;
    bench.expect("/a", ip(0), &[SHOP]);
    bench.tell("/a", SHOP, 60, ip(NAMED_ADDRESSES_OF_CONTAINER));
    bench.expect("/a", ip(0), &[SHOP]);
    bench.expect("/a", ip(1), &[]);
    bench.expect("/a", ip(NAMED_ADDRESSES_OF_CONTAINER), &[SHOP]);
    bench.expect("/b", ip(0), &[SHOP]);
    let stats = bench.names.stats();
    assert_eq!((stats.addresses, stats.evicted), (NAMED_ADDRESSES_OF_CONTAINER + 1, 1));
}

#[test]
fn where_all_have_too_many_the_quietest_container_loses_its_own() {
    let mut bench = Bench::new();
    let full = NAMED_ADDRESSES / NAMED_ADDRESSES_OF_CONTAINER;
    for number in 0..full {
        bench.now_ns += 1;
        for address in 0..NAMED_ADDRESSES_OF_CONTAINER {
            bench.tell(&format!("/{number}"), SHOP, 60, ip(address));
        }
    }
    assert_eq!(bench.names.stats().addresses, NAMED_ADDRESSES);
    bench.now_ns += 1;
    bench.expect("/0", ip(0), &[SHOP]);
    bench.tell("/new", SHOP, 60, ip(0));
    bench.expect("/0", ip(0), &[SHOP]);
    bench.expect("/1", ip(0), &[]);
    bench.expect("/new", ip(0), &[SHOP]);
    let stats = bench.names.stats();
    let gone = u64::try_from(NAMED_ADDRESSES_OF_CONTAINER).unwrap();
    assert_eq!(stats.evicted, gone);
    assert_eq!(stats.addresses, NAMED_ADDRESSES - NAMED_ADDRESSES_OF_CONTAINER + 1);
}

#[test]
fn questions_are_bounded() {
    let mut bench = Bench::new();
    let asked = question(7, SHOP, A);
    for socket in 0..=DNS_QUESTIONS as u64 {
        bench.now_ns += 1;
        bench.ask(socket, &asked);
    }
    assert_eq!(bench.names.stats().questions_evicted, 1);
    assert!(bench.names.questions.len() <= DNS_QUESTIONS);
    let told = asked.answered(0).v4(SHOP, 60, ip(1));
    assert!(!bench.answer("/a", 0, &told));
    assert!(bench.answer("/a", 1, &told));
}

/// One socket that asks the same again and again does not fill the list of what was asked.
#[test]
fn the_list_of_questions_is_bounded() {
    let mut bench = Bench::new();
    let asked = question(7, SHOP, A);
    for _ in 0..3 * DNS_QUESTIONS {
        bench.now_ns += 1;
        bench.ask(1, &asked);
    }
    assert!(bench.names.asked.len() <= DNS_QUESTIONS);
    assert_eq!((bench.names.questions.len(), bench.names.stats().questions_evicted), (1, 0));
}

#[test]
fn names_follow_a_container_that_gets_its_own_name() {
    let mut bench = Bench::new();
    bench.tell("?0:9", SHOP, 60, ip(1));
    bench.names.rename("?0:9", "/docker/a");
    bench.expect("?0:9", ip(1), &[]);
    bench.expect("/docker/a", ip(1), &[SHOP]);
}

#[test]
fn containers_that_found_no_room_share_nothing() {
    let mut bench = Bench::new();
    let overflow = Container::unknown("", Reason::TooMany);
    let asked = question(7, SHOP, A);
    bench.ask(1, &asked);
    let told = parse(&asked.answered(0).v4(SHOP, 60, ip(1)).0).unwrap();
    assert!(bench.names.answer(&overflow, 1, &told, NOW));
    let found = bench.names.of(&overflow, ip(1).into(), NOW);
    assert_eq!(found, Fact::Unknown(Reason::NotLearned));
    // The host has no path either, and is one.
    bench.tell("", SHOP, 60, ip(1));
    let host = bench.names.of(&Container::host(), ip(1).into(), NOW);
    assert_eq!(host, Fact::Unknown(Reason::NotLearned), "a container of id `` is not the host");
}
