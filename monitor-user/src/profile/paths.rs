//! Paths, or names of domains, as a tree in which what varies stands once.
//!
//! What stands in a tree depends on what was put in, and not on the order: names that differ in
//! numbers alone become one from the third on, and a directory with too many sorts of names expects
//! any. Both only ever come to be, so that trees of replicas can be merged, in any order.

use std::collections::{BTreeMap, BTreeSet};

use super::shape::{Hints, Shape};
use crate::limits::{PROFILE_DEPTH, PROFILE_NAMES};

/// From so many names on that differ in numbers alone, any number is expected.
const NUMBERED: usize = 3;
/// Sorts of names in one directory over which any name is expected.
const SORTS: usize = 64;

/// Labels of a domain that somebody registers.
const OWNED: usize = 2;

/// What a profile writes for any name.
pub const ANY: &str = "*";

/// How a path is taken apart, and put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// `/a/b`: from the left.
    #[default]
    Path,
    /// `b.a`: from the right.
    Domain,
}

/// A path as shapes, the root first.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Named(Shape),
    Any,
}

/// Directories of temporary files.
const TEMPORARY: [&[u8]; 4] = [b"/tmp", b"/var/tmp", b"/dev/shm", b"/run/shm"];

impl Route {
    /// A path of a file. `numbers` are ids of the processes that have to do with it.
    #[must_use]
    pub fn of_path(path: &[u8], numbers: &[u32]) -> Self {
        let mut begun = 0;
        let mut steps = Vec::new();
        for name in path.split(|byte| *byte == b'/') {
            let directory = path.get(..begun).unwrap_or_default();
            let directory = directory.strip_suffix(b"/").unwrap_or(directory);
            begun += name.len() + 1;
            if name.is_empty() {
                continue;
            }
            let hints = Hints {
                numbers,
                any_number: steps.first().is_some_and(|step| is_named(step, "proc")),
                temporary: TEMPORARY.contains(&directory),
            };
            steps.push(Step::Named(Shape::of(name, &hints)));
        }
        Self(steps)
    }

    /// A name of a domain.
    #[must_use]
    pub fn of_domain(name: &[u8]) -> Self {
        let labels = name.split(|byte| *byte == b'.').filter(|label| !label.is_empty());
        let lower = labels.map(|label| label.to_ascii_lowercase());
        let hints = Hints::default();
        let mut steps: Vec<Step> =
            lower.map(|label| Step::Named(Shape::of(&label, &hints))).collect();
        steps.reverse();
        Self(steps)
    }

    /// A path as a profile has it; None if none is written so.
    #[must_use]
    pub fn parse(text: &str, order: Order) -> Option<Self> {
        let (text, between) = match order {
            Order::Path => (text.strip_prefix('/')?, '/'),
            Order::Domain => (text, '.'),
        };
        let step = |name| match name {
            ANY => Some(Step::Any),
            name => Shape::parse(name).map(Step::Named),
        };
        let steps: Option<Vec<Step>> = match text {
            "" => Some(Vec::new()),
            text => text.split(between).map(step).collect(),
        };
        let mut steps = steps?;
        if order == Order::Domain {
            steps.reverse();
        }
        Some(Self(steps))
    }

    /// How a profile writes it.
    #[must_use]
    pub fn text(&self, order: Order) -> String {
        let name = |step: &Step| match step {
            Step::Named(shape) => shape.as_str().to_owned(),
            Step::Any => ANY.to_owned(),
        };
        let mut names: Vec<String> = self.0.iter().map(name).collect();
        match order {
            Order::Path => format!("/{}", names.join("/")),
            Order::Domain => {
                names.reverse();
                names.join(".")
            }
        }
    }
}

/// The part of a name of a domain that cannot be made up at will by whoever has it: nothing below
/// and with the first label that was made up, but always two labels, which say whose it is.
#[must_use]
pub fn zone(name: &str) -> &str {
    let is_made_up = |label: &str| {
        Shape::of(label.to_ascii_lowercase().as_bytes(), &Hints::default()).is_made_up()
    };
    let labels = name.rsplit('.').enumerate();
    let kept = labels.take_while(|(depth, label)| *depth < OWNED || !is_made_up(label));
    let len: usize = kept.map(|(_, label)| label.len() + 1).sum();
    name.get((name.len() + 1).saturating_sub(len)..).unwrap_or(name)
}

fn is_named(step: &Step, name: &str) -> bool {
    matches!(step, Step::Named(shape) if shape.as_str() == name)
}

/// What came of putting something in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It was expected already.
    Known,
    /// It is new.
    New,
    /// There is no room for it.
    Full,
}

/// A tree of paths or of names of domains.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    root: Node,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Node {
    /// What leads here is expected itself.
    is_end: bool,
    children: BTreeMap<Shape, Node>,
    /// Any name is expected: there are no other children.
    any: Option<Box<Node>>,
}

impl Paths {
    /// Puts a path in.
    pub fn put(&mut self, route: &Route) -> Put {
        if self.expects(route) {
            return Put::Known;
        }
        if route.0.len() > PROFILE_DEPTH || self.root.size() + route.0.len() > PROFILE_NAMES {
            return Put::Full;
        }
        self.root.put(&route.0);
        Put::New
    }

    /// Whether a path is in it.
    #[must_use]
    pub fn expects(&self, route: &Route) -> bool {
        self.root.find(&route.0).is_some_and(|node| node.is_end)
    }

    /// What is most like a path that is not in it.
    #[must_use]
    pub fn nearest(&self, route: &Route) -> Option<Route> {
        let mut found = Vec::new();
        self.root.nearest(&route.0, &mut found).then_some(Route(found))
    }

    /// All that is in it, sorted.
    #[must_use]
    pub fn routes(&self) -> Vec<Route> {
        let mut routes = Vec::new();
        self.root.each(&mut Vec::new(), &mut |steps| routes.push(Route(steps.to_vec())));
        routes
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.root == Node::default()
    }
}

impl Node {
    fn size(&self) -> usize {
        let below = self.children.values().chain(self.any.as_deref());
        1 + below.map(Self::size).sum::<usize>()
    }

    fn put(&mut self, steps: &[Step]) {
        let Some((first, rest)) = steps.split_first() else {
            self.is_end = true;
            return;
        };
        match first {
            Step::Any => self.open().put(rest),
            Step::Named(shape) => self.child(shape).put(rest),
        }
        if self.any.is_none() && self.sorts() > SORTS {
            self.open();
        }
    }

    /// The child that a name leads to. It is made where there is none, and takes in those from
    /// which it differs in numbers alone, if there are enough of them.
    fn child(&mut self, shape: &Shape) -> &mut Self {
        if self.any.is_some() {
            return self.open();
        }
        let numbered = shape.numbered();
        if self.children.contains_key(&numbered) {
            return self.children.entry(numbered).or_default();
        }
        let alike = |key: &&Shape| *key != shape && key.numbered() == numbered;
        let like: Vec<Shape> = self.children.keys().filter(alike).cloned().collect();
        if *shape != numbered && like.len() + 1 < NUMBERED {
            return self.children.entry(shape.clone()).or_default();
        }
        let mut into = self.children.remove(shape).unwrap_or_default();
        like.iter().filter_map(|key| self.children.remove(key)).for_each(|node| into.absorb(&node));
        self.children.entry(numbered).or_insert(into)
    }

    /// Any name leads to one child from now on.
    fn open(&mut self) -> &mut Self {
        let children = std::mem::take(&mut self.children);
        let any = self.any.get_or_insert_default();
        children.values().for_each(|child| any.absorb(child));
        any
    }

    fn absorb(&mut self, other: &Self) {
        other.each(&mut Vec::new(), &mut |steps| self.put(steps));
    }

    /// Sorts of names: those that differ in numbers alone are one.
    fn sorts(&self) -> usize {
        if self.children.len() <= SORTS {
            return self.children.len();
        }
        self.children.keys().map(Shape::numbered).collect::<BTreeSet<_>>().len()
    }

    fn find(&self, steps: &[Step]) -> Option<&Self> {
        let Some((first, rest)) = steps.split_first() else { return Some(self) };
        self.step(first)?.find(rest)
    }

    fn step(&self, step: &Step) -> Option<&Self> {
        match (&self.any, step) {
            (Some(any), _) => Some(any),
            (None, Step::Any) => None,
            (None, Step::Named(shape)) => {
                self.children.get(shape).or_else(|| self.children.get(&shape.numbered()))
            }
        }
    }

    fn nearest(&self, steps: &[Step], found: &mut Vec<Step>) -> bool {
        let here = found.len();
        if let Some((first, rest)) = steps.split_first() {
            if let Some(child) = self.step(first) {
                found.push(if self.any.is_some() { Step::Any } else { first.clone() });
                if child.nearest(rest, found) {
                    return true;
                }
                found.truncate(here);
            }
            if let Step::Named(shape) = first {
                let common = |key: &Shape| {
                    key.as_str()
                        .bytes()
                        .zip(shape.as_str().bytes())
                        .take_while(|(a, b)| a == b)
                        .count()
                };
                let best = self.children.iter().max_by_key(|(key, _)| common(key));
                if let Some((key, child)) = best {
                    found.push(Step::Named(key.clone()));
                    if child.nearest(rest, found) {
                        return true;
                    }
                    found.truncate(here);
                }
            }
        }
        self.first(found)
    }

    /// The first that is expected from here on.
    fn first(&self, found: &mut Vec<Step>) -> bool {
        if self.is_end {
            return true;
        }
        let children = self.children.iter().map(|(key, child)| (Step::Named(key.clone()), child));
        let any = self.any.iter().map(|any| (Step::Any, &**any));
        for (step, child) in children.chain(any) {
            found.push(step);
            if child.first(found) {
                return true;
            }
            found.pop();
        }
        false
    }

    fn each(&self, steps: &mut Vec<Step>, take: &mut dyn FnMut(&[Step])) {
        if self.is_end {
            take(steps);
        }
        let children = self.children.iter().map(|(key, child)| (Step::Named(key.clone()), child));
        for (step, child) in children.chain(self.any.iter().map(|any| (Step::Any, &**any))) {
            steps.push(step);
            child.each(steps, take);
            steps.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tree(paths: &[String]) -> Paths {
        let mut tree = Paths::default();
        for path in paths {
            tree.put(&Route::of_path(path.as_bytes(), &[]));
        }
        tree
    }

    fn merge(into: &mut Paths, from: &Paths) {
        for route in from.routes() {
            assert_ne!(into.put(&route), Put::Full);
        }
    }

    fn texts(tree: &Paths) -> Vec<String> {
        tree.routes().iter().map(|route| route.text(Order::Path)).collect()
    }

    fn expects(tree: &Paths, path: &str) -> bool {
        tree.expects(&Route::of_path(path.as_bytes(), &[]))
    }

    #[test]
    fn names_that_differ_in_numbers_become_one_from_the_third_on() {
        let all = ["/d/s-1/a", "/d/s-2/b", "/d/s-3/a"].map(str::to_owned);
        assert_eq!(texts(&tree(&all[..2])), ["/d/s-1/a", "/d/s-2/b"]);
        let tree = tree(&all);
        assert_eq!(texts(&tree), ["/d/s-{number}/a", "/d/s-{number}/b"]);
        assert!(expects(&tree, "/d/s-99/b") && !expects(&tree, "/d/s-x/b"));
        assert!(!expects(&tree, "/d/s-99") && !expects(&tree, "/d/s-99/b/c"));
    }

    #[test]
    fn too_many_sorts_of_names_are_any() {
        let paths: Vec<String> = (0..=SORTS)
            .map(|n| {
                let word: String =
                    format!("{n:02}").bytes().map(|digit| char::from(digit + 49)).collect();
                format!("/d/{word}")
            })
            .collect();
        assert_eq!(tree(&paths[..SORTS]).routes().len(), SORTS);
        assert_eq!(texts(&tree(&paths)), ["/d/*"]);
        assert!(!expects(&tree(&paths), "/d/x/y"), "one name, and not what is below it");
    }

    #[test]
    fn the_nearest_is_where_one_would_look() {
        let all = ["/var/log/nginx/access.log", "/var/log/nginx/error.log", "/run/nginx.pid"];
        let tree = tree(&all.map(str::to_owned));
        for (path, expected) in [
            ("/var/log/nginx/accent.log", "/var/log/nginx/access.log"),
            ("/var/log/other", "/var/log/nginx/access.log"),
            ("/etc/cron.d/x", "/run/nginx.pid"),
        ] {
            let nearest = tree.nearest(&Route::of_path(path.as_bytes(), &[])).unwrap();
            let text = nearest.text(Order::Path);
            assert!(tree.expects(&nearest), "{text}");
            if path != "/etc/cron.d/x" {
                assert_eq!(text, expected);
            }
        }
        assert_eq!(Paths::default().nearest(&Route::of_path(b"/x", &[])), None);
    }

    #[test]
    fn domains_are_read_from_the_right() {
        let mut tree = Paths::default();
        tree.put(&Route::of_domain(b"db.Example.com."));
        let texts: Vec<String> =
            tree.routes().iter().map(|route| route.text(Order::Domain)).collect();
        assert_eq!(texts, ["db.example.com"]);
        assert!(tree.expects(&Route::of_domain(b"DB.example.com")));
        assert!(!tree.expects(&Route::of_domain(b"example.com")));
        assert_eq!(Route::parse("db.example.com", Order::Domain), Some(tree.routes().remove(0)));
    }

    #[test]
    fn what_is_made_up_of_a_domain_is_not_its_zone() {
        for (name, zone) in [
            ("ca2b5716c136493d670c362a7a2b3c2c.t.evil.test", "t.evil.test"),
            ("7.ca2b5716c136493d.plain.mfrggzdfmztwq2lkmfrggzdfmz.t.evil.test", "t.evil.test"),
            ("a.t.evil.test", "a.t.evil.test"),
            ("db-12.shop.test", "db-12.shop.test"),
            // Whoever has one has not the next.
            ("ca2b5716c136493d670c.test", "ca2b5716c136493d670c.test"),
            ("test", "test"),
            ("", ""),
        ] {
            assert_eq!(super::zone(name), zone);
        }
    }

    /// Few names, so that they meet.
    fn path() -> impl Strategy<Value = String> {
        let name = prop_oneof![
            (0..80_u32).prop_map(|n| format!("n{}", char::from_u32(97 + n % 26).unwrap())
                + &"x".repeat(n as usize / 26)),
            (0..5_u32).prop_map(|n| format!("s-{n}")),
            (0..5_u32).prop_map(|n| format!("{n}")),
            Just("tmp.Xa81bQ".to_owned()),
            Just("{number}".to_owned()),
        ];
        prop::collection::vec(name, 1..4).prop_map(|names| format!("/{}", names.join("/")))
    }

    proptest! {
        #[test]
        fn the_order_changes_nothing(
            paths in prop::collection::vec(path(), 0..200),
            seed in any::<u64>(),
        ) {
            let mut shuffled = paths.clone();
            let mut state = seed | 1;
            for at in (1..shuffled.len()).rev() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                shuffled.swap(at, (state >> 33) as usize % (at + 1));
            }
            prop_assert_eq!(texts(&tree(&paths)), texts(&tree(&shuffled)));
        }

        #[test]
        fn replicas_merge_to_what_one_would_have_seen(
            one in prop::collection::vec(path(), 0..120),
            two in prop::collection::vec(path(), 0..120),
        ) {
            let both = tree(&[one.clone(), two.clone()].concat());
            let (mut left, mut right) = (tree(&one), tree(&two));
            merge(&mut left, &tree(&two));
            merge(&mut right, &tree(&one));
            prop_assert_eq!(&left, &both);
            prop_assert_eq!(&right, &both);
            merge(&mut left, &both);
            prop_assert_eq!(&left, &both);
            for path in one.iter().chain(&two) {
                prop_assert!(expects(&both, path));
            }
        }

        #[test]
        fn what_is_written_is_read(paths in prop::collection::vec(path(), 0..120)) {
            let tree = tree(&paths);
            let mut read = Paths::default();
            for route in tree.routes() {
                let text = route.text(Order::Path);
                let parsed = Route::parse(&text, Order::Path);
                prop_assert_eq!(parsed.as_ref(), Some(&route));
                read.put(&route);
            }
            prop_assert_eq!(read, tree);
        }
    }
}
