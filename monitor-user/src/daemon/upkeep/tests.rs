use monitor_rules::Priority;

use super::*;
use crate::{fact::FactSource, state::Observation, upkeep::checks};

const SECOND: u64 = 1_000_000_000;

fn container(path: &str, digest: Option<&str>) -> Arc<Container> {
    let unknown = Container::unknown(path, Reason::NotInBundle);
    let digest = digest.map_or(Fact::Unknown(Reason::Pending), |digest| {
        Fact::Known(digest.into(), FactSource::Containerd)
    });
    let id = path.trim_start_matches('/').into();
    Arc::new(Container { id, image_digest: digest, ..unknown })
}

fn upkeep() -> Upkeep {
    Upkeep::new(Ledger::new(Priority::Debug), Duration::from_secs(60))
}

#[test]
fn what_is_new_is_looked_at_once_its_image_is_known() {
    let mut upkeep = upkeep();
    let (one, pending) = (container("/one", Some("sha256:1")), container("/two", None));
    let alone = std::slice::from_ref(&one);
    assert!(upkeep.is_due(&[], 2 * SECOND));
    upkeep.begin(&[], true, 2 * SECOND);
    assert!(!upkeep.is_due(alone, 5 * SECOND), "a round is on its way");
    upkeep.end(0);
    assert!(!upkeep.is_due(alone, 5 * SECOND), "others may start with it");
    assert!(upkeep.is_due(alone, 6 * SECOND));
    let both = [Arc::clone(&one), Arc::clone(&pending)];
    assert!(!upkeep.is_due(&both, 7 * SECOND));
    assert!(upkeep.is_due(&both, 15 * SECOND), "what is late is not waited for");
    upkeep.note(&both);
    upkeep.begin(&both, false, 15 * SECOND);
    upkeep.end(0);
    assert!(!upkeep.is_due(&both, 74 * SECOND) && upkeep.is_due(&both, 75 * SECOND));
    // Its image is known now, and it was started all the same.
    let told = [one, container("/two", Some("sha256:2"))];
    upkeep.note(&told);
    let fresh: Vec<&str> = upkeep.fresh.keys().map(|it| &**it).collect();
    assert_eq!(fresh, ["/two"]);
    assert!(!upkeep.is_due(&told, 20 * SECOND) && upkeep.is_due(&told, 21 * SECOND));
    upkeep.begin(&told, false, 21 * SECOND);
    assert!(upkeep.fresh.is_empty());
}

fn place(container: &Arc<Container>, texts: &[&str]) -> Place {
    let one = |text: &&str| {
        let observation = Observation::of(&checks::PACKAGE, (*text).to_owned(), Vec::new());
        Observation { part: (*text).to_owned(), ..observation }
    };
    Place {
        key: container.image_key().to_owned(),
        container: Arc::clone(container),
        observations: Some(texts.iter().map(one).collect()),
        accepted: Vec::new(),
        undecided: Vec::new(),
        is_cut: false,
    }
}

fn shown(told: &[StateFinding]) -> Vec<(&'static str, &str)> {
    told.iter().map(|it| (it.activity.name(), &*it.text)).collect()
}

#[test]
fn what_is_open_of_an_image_stays_while_a_container_of_it_may_come_back() {
    let mut upkeep = upkeep();
    let one = container("/one", Some("sha256:1"));
    upkeep.begin(std::slice::from_ref(&one), true, SECOND);
    assert_eq!(upkeep.take(place(&one, &["x"]), 1).len(), 1);
    let unchanged = Place { observations: None, ..place(&one, &[]) };
    assert_eq!(upkeep.take(unchanged, 2), []);
    // However long a round takes, only rounds count.
    for round in 0..LINGER {
        assert_eq!(upkeep.end(3), []);
        upkeep.begin(&[], false, (round + 2) * 1_000 * SECOND);
    }
    assert_eq!(upkeep.end(4), []);
    upkeep.begin(&[], false, 9_000 * SECOND);
    assert_eq!(shown(&upkeep.end(5)), [("close", GONE)]);
    assert!(upkeep.dropped.contains("sha256:1"), "it is to be judged anew");
    // What was still on its way about it opens nothing.
    assert_eq!(upkeep.take(place(&one, &["x"]), 6), []);
    assert!(upkeep.places.contains_key(Container::HOST));
}

#[test]
fn what_could_not_be_seen_is_not_closed() {
    let mut upkeep = upkeep();
    let one = container("/one", Some("sha256:1"));
    upkeep.begin(std::slice::from_ref(&one), true, SECOND);
    let both = ["Debian:12/tool@1", "PyPI/yaml@1"];
    assert_eq!(upkeep.take(place(&one, &both), 1).len(), 2);
    let unread = Place { undecided: vec![&checks::PACKAGE], ..place(&one, &[]) };
    assert_eq!(upkeep.take(unread, 2), []);
    let cut = Place { is_cut: true, ..place(&one, &[]) };
    let told = upkeep.take(cut, 3);
    assert_eq!(shown(&told), [("close", "it is so no more")]);
    assert_eq!(upkeep.ledger.stats().open, 1, "languages are looked for all over a root");
}

#[test]
fn a_container_whose_image_becomes_known_is_told_of_by_it() {
    let mut upkeep = upkeep();
    let pending = container("/one", None);
    upkeep.begin(std::slice::from_ref(&pending), true, SECOND);
    assert_eq!(upkeep.take(place(&pending, &["x"]), 1).len(), 1);
    let known = [container("/one", Some("sha256:1"))];
    assert_eq!(shown(&upkeep.rename(&known, 2)), [("close", NAMED)]);
    upkeep.begin(&known, false, 2 * SECOND);
    assert_eq!(upkeep.rename(&known, 3), []);
}

#[test]
fn what_ended_after_it_was_started_is_looked_at_once() {
    let mut upkeep = upkeep();
    let one = container("/one", Some("sha256:1"));
    upkeep.note(std::slice::from_ref(&one));
    assert!(upkeep.all(&[]).is_empty(), "it ran before the first round");
    upkeep.begin(&[], true, SECOND);
    upkeep.end(0);
    upkeep.note(std::slice::from_ref(&one));
    let all = upkeep.all(&[]);
    assert_eq!(all.len(), 1);
    assert!(!upkeep.is_due(&all, 4 * SECOND) && upkeep.is_due(&all, 5 * SECOND));
    upkeep.begin(&all, false, 5 * SECOND);
    assert!(upkeep.all(&[]).is_empty());
}

/// One that knows of what was open before about images.
fn after_restart(containers: &[Arc<Container>]) -> Upkeep {
    let mut before = upkeep();
    before.begin(containers, true, SECOND);
    for it in containers {
        before.take(place(it, &["x"]), 1);
    }
    let ledger = Ledger::new(Priority::Debug).with(before.ledger.kept(i64::MAX));
    Upkeep { is_whole: true, ..Upkeep::new(ledger, Duration::from_secs(60)) }
}

#[test]
fn what_was_open_before_is_closed_once_all_is_known_that_runs() {
    let (one, gone) = (container("/one", Some("sha256:1")), container("/gone", Some("sha256:2")));
    let both = [Arc::clone(&one), Arc::clone(&gone)];
    let alone = std::slice::from_ref(&one);
    let round = |upkeep: &mut Upkeep, running: &[Arc<Container>]| {
        upkeep.begin(running, true, SECOND);
        if running.iter().any(|it| it.image_key() == "sha256:1") {
            assert_eq!(upkeep.take(place(&one, &["x"]), 2), []);
        }
        let told = upkeep.end(3);
        shown(&told).iter().map(|it| it.1.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(round(&mut after_restart(&both), alone), [GONE_UNSEEN]);
    let mut partial = after_restart(&both);
    partial.is_whole = false;
    assert_eq!(round(&mut partial, alone), [""; 0]);
    partial.is_whole = true;
    assert_eq!(round(&mut partial, alone), [GONE_UNSEEN]);
    // It runs, and nobody says any more of which image it is.
    let unnamed = [Arc::clone(&one), container("/gone", None)];
    assert_eq!(round(&mut after_restart(&both), &unnamed), [""; 0]);
    // What was told of one without an image is told of its image now.
    let mut named = after_restart(&[container("/one", None)]);
    named.begin(alone, true, SECOND);
    assert_eq!(shown(&named.end(3)), [("close", NAMED)]);
    // Its image has another name by now, or none: it is known of which one it is all the same.
    let again = after_restart(alone);
    let moved = container("/one", None);
    assert_eq!(again.named(Arc::clone(&moved)).image_key(), "one", "it is still asked");
    let moved =
        Arc::new(Container { image_digest: Fact::Unknown(Reason::Changed), ..(*moved).clone() });
    assert_eq!(again.named(Arc::clone(&moved)).image_key(), "sha256:1");
    let other = Arc::new(Container { id: "other".into(), ..(*moved).clone() });
    assert_eq!(again.named(other).image_key(), "other");
    // Where the host was started anew they may come yet.
    let mut booted = Upkeep { is_same_boot: false, ..after_restart(&both) };
    for _ in 0..LINGER {
        assert_eq!(round(&mut booted, alone), [""; 0]);
    }
    assert_eq!(round(&mut booted, alone), [GONE_UNSEEN]);
    // What ends later is waited for, as ever.
    let mut later = after_restart(&both);
    assert_eq!(round(&mut later, &both), [""; 0]);
    assert_eq!(round(&mut later, alone), [""; 0]);
}

#[test]
fn the_first_round_waits_until_it_is_known_what_runs() {
    let one = container("/one", Some("sha256:1"));
    let mut again = after_restart(std::slice::from_ref(&one));
    assert!(again.is_early(false, SECOND) && !again.is_early(true, SECOND));
    assert!(again.is_early(false, 10 * SECOND) && !again.is_early(false, 11 * SECOND));
    assert!(!upkeep().is_early(false, SECOND), "nothing was told before");
}

#[test]
fn what_is_accepted_is_closed_as_such() {
    let mut upkeep = upkeep();
    let one = container("/one", Some("sha256:1"));
    upkeep.begin(std::slice::from_ref(&one), true, SECOND);
    assert_eq!(upkeep.take(place(&one, &["x", "y"]), 1).len(), 2);
    let accepted = vec![(checks::PACKAGE.id, "x".to_owned())];
    let told = upkeep.take(Place { accepted, ..place(&one, &[]) }, 2);
    let expected = [("close", "it was accepted"), ("close", "it is so no more")];
    assert_eq!(shown(&told), expected);
}
