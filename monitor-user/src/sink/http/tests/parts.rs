//! Which documents are sent next, whatever the receiver makes of them.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::sink::parts::Step;

/// A receiver that does something else with some documents.
#[derive(Default)]
struct Picky {
    /// Those that it will never take, without saying which they are.
    refuses: BTreeSet<u64>,
    /// Those that it fails at.
    fails: BTreeSet<u64>,
    /// It fails at everything for so many requests.
    is_down: usize,
    requests: usize,
    took: Vec<u64>,
}

impl Picky {
    fn answer(&mut self, numbers: &[u64]) -> Fate {
        self.requests += 1;
        if self.is_down > 0 {
            self.is_down -= 1;
            return Fate::Failed("down".to_owned());
        }
        let has = |set: &BTreeSet<u64>| numbers.iter().any(|number| set.contains(number));
        if has(&self.fails) {
            return Fate::Failed("status 500".to_owned());
        }
        if has(&self.refuses) {
            return Fate::Refused("status 400".to_owned());
        }
        self.took.extend(numbers);
        Fate::Taken
    }
}

const EAGER: Patience = Patience { splits_after: 3, tries: 4, time: Duration::ZERO, probes: 3 };

fn batch(count: u64, patience: Patience) -> Parts {
    Parts::new((0..count).map(|number| entry(number, Priority::Notice)).collect(), patience)
}

/// Sends until something came of each, or for so many requests: what was refused.
fn run(batch: &mut Parts, receiver: &mut Picky, requests: usize) -> Option<Vec<u64>> {
    let (mut refused, mut next) = (Vec::new(), 0);
    for _ in 0..requests {
        let part: Vec<u64> = batch.part().iter().map(|entry| entry.about.number).collect();
        assert!(!part.is_empty(), "something is sent");
        batch.take(Verdict::All(receiver.answer(&part)));
        while let Some(done) = batch.pop() {
            assert_eq!(done.document, Some(done.refused.is_none()));
            refused.extend(done.refused.map(|_| next));
            next += 1;
        }
        if batch.is_empty() {
            return Some(refused);
        }
    }
    None
}

#[test]
fn only_what_is_refused_is_refused() {
    let mut receiver = Picky { refuses: BTreeSet::from([0, 77, 78, 255]), ..Picky::default() };
    let refused = run(&mut batch(256, EAGER), &mut receiver, 100).unwrap();
    assert_eq!(refused, [0, 77, 78, 255]);
    let expected: Vec<u64> = (0..256).filter(|number| !refused.contains(number)).collect();
    assert_eq!(receiver.took, expected, "in order");
    assert!(receiver.requests < 60, "{} requests", receiver.requests);
}

#[test]
fn what_it_fails_at_is_set_aside_if_others_are_taken() {
    let mut receiver = Picky { fails: BTreeSet::from([40, 41]), ..Picky::default() };
    let mut batch = batch(64, EAGER);
    assert_eq!(run(&mut batch, &mut receiver, 100).unwrap(), [40, 41]);
    assert_eq!(receiver.took.iter().collect::<BTreeSet<_>>().len(), 62);
    assert_eq!(receiver.took.len(), 62, "each once");
}

#[test]
fn an_outage_sets_nothing_aside() {
    let mut receiver = Picky { is_down: 1000, ..Picky::default() };
    let mut batch = batch(64, EAGER);
    assert_eq!(run(&mut batch, &mut receiver, 1000), None);
    assert!(receiver.took.is_empty());
    // Then it is whole soon.
    assert_eq!(run(&mut batch, &mut receiver, 20), Some(Vec::new()));
    assert_eq!(receiver.took.iter().collect::<BTreeSet<_>>().len(), 64);
}

#[test]
fn nothing_is_set_aside_before_its_time() {
    let patience = Patience { time: Duration::from_secs(3600), ..EAGER };
    let mut receiver = Picky { fails: BTreeSet::from([3]), ..Picky::default() };
    assert_eq!(run(&mut batch(8, patience), &mut receiver, 500), None);
    assert_eq!(receiver.took, [0, 1, 2]);
}

/// One alone waits for another one to be compared with.
#[test]
fn one_alone_is_held() {
    let mut receiver = Picky { fails: BTreeSet::from([0]), ..Picky::default() };
    let mut batch = batch(1, EAGER);
    assert_eq!(run(&mut batch, &mut receiver, 50), None);
    assert!(batch.wants_another());
    batch.push(std::iter::once(entry(1, Priority::Notice)));
    assert!(!batch.wants_another());
    assert_eq!(run(&mut batch, &mut receiver, 5), Some(vec![0]));
    assert_eq!(receiver.took, [1]);
}

#[test]
fn items_have_fates_of_their_own() {
    let mut batch = batch(5, EAGER);
    let later = || Fate::Later("busy".to_owned());
    let refused = || Fate::Refused("bad".to_owned());
    let fates = vec![Fate::Taken, later(), refused(), Fate::Taken, later()];
    assert_eq!(batch.take(Verdict::Each(fates)), Step::Later("busy".to_owned()));
    // The first is done with, what follows waits for the second.
    assert!(batch.pop().is_some_and(|done| done.document == Some(true)));
    assert!(batch.pop().is_none());
    let part: Vec<u64> = batch.part().iter().map(|entry| entry.about.number).collect();
    assert_eq!(part, [1, 4]);
    assert_eq!(batch.take(Verdict::Each(vec![Fate::Again, refused()])), Step::On(false));
    batch.give_up();
    let ends: Vec<_> = std::iter::from_fn(|| batch.pop()).map(|done| done.document).collect();
    assert_eq!(ends, [Some(false), Some(false), Some(true), Some(false)]);
}

/// A document of several lines is delivered if all of them are.
#[test]
fn lines_make_a_document() {
    let document = |number: u64, lines: usize| {
        let about = (*entry(number, Priority::Notice).about).clone();
        Entry::of(Received { lines: vec![b"{}".to_vec(); lines], about })
    };
    let entries = document(1, 2).chain(document(2, 1)).collect();
    let mut batch = Parts::new(entries, EAGER);
    let refused = Fate::Refused("bad".to_owned());
    batch.take(Verdict::Each(vec![refused, Fate::Taken, Fate::Taken]));
    let ends: Vec<_> = std::iter::from_fn(|| batch.pop()).map(|done| done.document).collect();
    assert_eq!(ends, [None, Some(false), Some(true)]);
}

proptest! {
    /// Whatever a receiver refuses and fails at, and however long it is down: what it takes it
    /// gets, once, and nothing else is refused.
    #[test]
    fn every_document_has_its_fate(
        count in 1_u64..200,
        refuses in proptest::collection::btree_set(0_u64..200, 0..6),
        fails in proptest::collection::btree_set(0_u64..199, 0..3),
        is_down in 0_usize..20,
    ) {
        // The last is taken, so that there is something to compare with.
        let below = |set: BTreeSet<u64>| -> BTreeSet<u64> {
            set.into_iter().filter(|number| number + 1 < count).collect()
        };
        let (refuses, fails) = (below(refuses), below(fails));
        let patience = Patience { probes: 8, ..EAGER };
        let mut receiver =
            Picky { refuses: refuses.clone(), fails: fails.clone(), is_down, ..Picky::default() };
        let refused = run(&mut batch(count, patience), &mut receiver, 2000).unwrap();
        let refused: BTreeSet<u64> = refused.into_iter().collect();
        prop_assert_eq!(&refused, &refuses.union(&fails).copied().collect::<BTreeSet<_>>());
        let mut took = receiver.took.clone();
        took.sort_unstable();
        let expected: Vec<u64> = (0..count).filter(|number| !refused.contains(number)).collect();
        prop_assert_eq!(took, expected);
    }
}
