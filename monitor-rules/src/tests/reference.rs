//! All that the rule set does for speed against an evaluator that does nothing for it: conditions
//! are made up, written down, loaded, and asked about made-up events.

use std::fmt::Write as _;

use super::toy::{self, CONNECT, EXEC, Fact, OPEN, Toy};
use crate::{Outcome, Pattern, RuleSet, Scratch};

/// Rule sets, rules in each, and events that each is asked about: 10^5 answers.
const SETS: u64 = 1000;
const RULES: usize = 10;
const EVENTS: usize = 10;

const TEXTS: [&str; 9] = ["a", "ab", "/a", "/a/b", "/ab", "b/a", "/", "abc", "/A"];
const NUMBERS: [i64; 4] = [0, 1, 7, 443];

/// A condition, as the reference sees it.
#[derive(Clone, Debug)]
enum Wish {
    All(Vec<Wish>),
    Any(Vec<Wish>),
    No(Box<Wish>),
    Type(&'static str),
    Text(&'static str, &'static str, Vec<&'static str>),
    /// As before, of the text in lower case.
    Lower(&'static str, &'static str, Vec<&'static str>),
    Number(&'static str, &'static str, i64),
    Exists(&'static str),
}

/// Numbers that look random, the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        // Marsaglia's xorshift64.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % sides
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())]
    }
}

const TEXT_FIELDS: [&str; 6] =
    ["proc.name", "proc.pname", "fd.name", "fd.path", "container.id", "proc.aname"];
const NUMBER_FIELDS: [&str; 3] = ["proc.pid", "fd.port", "evt.num"];

fn wish(dice: &mut Dice, depth: usize) -> Wish {
    let some = |dice: &mut Dice| {
        let count = 1 + dice.roll(3);
        (0..count).map(|_| wish(dice, depth - 1)).collect::<Vec<_>>()
    };
    match dice.roll(if depth == 0 { 6 } else { 11 }) {
        0 => Wish::Type(dice.pick(&["execve", "open", "openat", "connect"])),
        1 => Wish::Number(
            dice.pick(&NUMBER_FIELDS),
            dice.pick(&["=", "!=", "<", ">="]),
            dice.pick(&NUMBERS),
        ),
        2 => Wish::Exists(dice.pick(&TEXT_FIELDS)),
        3..=5 => {
            let op = dice.pick(&["=", "!=", "contains", "startswith", "endswith", "in", "pmatch"]);
            let count = if matches!(op, "in" | "pmatch") { 1 + dice.roll(4) } else { 1 };
            // `!=` over several values is a trap that the compiler warns of; it is left out.
            let fields = if op == "!=" { &TEXT_FIELDS[..5] } else { &TEXT_FIELDS[..] };
            let field = dice.pick(fields);
            let texts = (0..count).map(|_| dice.pick(&TEXTS)).collect();
            if dice.roll(3) == 0 {
                return Wish::Lower(field, op, texts);
            }
            Wish::Text(field, op, texts)
        }
        6 | 7 => Wish::All(some(dice)),
        8 | 9 => Wish::Any(some(dice)),
        _ => Wish::No(Box::new(wish(dice, depth - 1))),
    }
}

fn write(wish: &Wish, out: &mut String) {
    let mut join = |wishes: &[Wish], word: &str| {
        out.push('(');
        for (at, wish) in wishes.iter().enumerate() {
            out.push_str(if at > 0 { word } else { "" });
            write(wish, out);
        }
        out.push(')');
    };
    match wish {
        Wish::All(wishes) => join(wishes, " and "),
        Wish::Any(wishes) => join(wishes, " or "),
        Wish::No(inner) => {
            out.push_str("not (");
            write(inner, out);
            out.push(')');
        }
        Wish::Type(name) => write!(out, "evt.type = {name}").unwrap(),
        Wish::Number(field, op, number) => write!(out, "{field} {op} {number}").unwrap(),
        Wish::Exists(field) => write!(out, "{field} exists").unwrap(),
        Wish::Text(field, op @ ("in" | "pmatch"), texts) => {
            write!(out, "{field} {op} ({})", texts.join(", ")).unwrap();
        }
        Wish::Text(field, op, texts) => write!(out, "{field} {op} {}", texts[0]).unwrap(),
        Wish::Lower(field, op, texts) => {
            let list = format!("({})", texts.join(", "));
            let right = if matches!(*op, "in" | "pmatch") { &*list } else { texts[0] };
            write!(out, "tolower({field}) {op} {right}").unwrap();
        }
    }
}

/// Facts of an event, as the reference sees them.
type Facts = Vec<(&'static str, Fact)>;

fn facts(dice: &mut Dice, kind: u8) -> Facts {
    let mut facts = Facts::new();
    for field in TEXT_FIELDS {
        let has = match field {
            "fd.name" => kind != EXEC,
            "fd.path" => kind == OPEN,
            _ => true,
        };
        let count = if field == "proc.aname" { dice.roll(3) } else { 1 };
        for _ in 0..if has { count } else { 0 } {
            match dice.roll(8) {
                0 => {}
                1 => facts.push((field, Fact::Pending)),
                2 => facts.push((field, Fact::Never)),
                _ => facts.push((field, Fact::Str(dice.pick(&TEXTS)))),
            }
        }
    }
    for field in NUMBER_FIELDS {
        if field != "fd.port" || kind == CONNECT {
            facts.push((field, Fact::Int(dice.pick(&NUMBERS))));
        }
    }
    facts
}

/// False, perhaps, true.
type Truth = u8;

fn truth(wish: &Wish, kind: u8, facts: &Facts) -> Truth {
    match wish {
        Wish::All(wishes) => wishes.iter().map(|w| truth(w, kind, facts)).min().unwrap(),
        Wish::Any(wishes) => wishes.iter().map(|w| truth(w, kind, facts)).max().unwrap(),
        Wish::No(inner) => 2 - truth(inner, kind, facts),
        Wish::Type(name) => match *name {
            "execve" => 2 * u8::from(kind == EXEC),
            "connect" => 2 * u8::from(kind == CONNECT),
            _ => 2 * u8::from(kind == OPEN),
        },
        Wish::Number(field, op, right) => of_values(facts, field, |fact| match fact {
            Fact::Int(left) => match *op {
                "=" => left == right,
                "!=" => left != right,
                "<" => left < right,
                _ => left >= right,
            },
            _ => false,
        }),
        Wish::Exists(field) => of_values(facts, field, |_| true),
        Wish::Text(field, op, right) => of_values(facts, field, |fact| match fact {
            Fact::Str(left) => right.iter().any(|right| text_fits(left, op, right)),
            _ => false,
        }),
        Wish::Lower(field, op, right) => of_values(facts, field, |fact| match fact {
            Fact::Str(left) => {
                let left = left.to_ascii_lowercase();
                right.iter().any(|right| text_fits(&left, op, right))
            }
            _ => false,
        }),
    }
}

fn text_fits(left: &str, op: &str, right: &str) -> bool {
    match op {
        "=" | "in" => left == right,
        "!=" => left != right,
        "contains" => left.contains(right),
        "startswith" => left.starts_with(right),
        "endswith" => left.ends_with(right),
        _ => {
            let parts = |text: &str| -> Vec<String> {
                text.trim_end_matches('/').split('/').map(str::to_owned).collect()
            };
            right == "/" && left.starts_with('/') || parts(left).starts_with(&parts(right))
        }
    }
}

fn of_values(facts: &Facts, field: &str, fits: impl Fn(&Fact) -> bool) -> Truth {
    let values = facts.iter().filter(|(name, _)| *name == field);
    values
        .map(|(_, fact)| match fact {
            Fact::Pending => 1,
            Fact::Never => 0,
            fact => 2 * u8::from(fits(fact)),
        })
        .max()
        .unwrap_or(0)
}

fn rules(wishes: &[Wish]) -> RuleSet<Toy> {
    let mut file = String::new();
    for (at, wish) in wishes.iter().enumerate() {
        let mut text = String::new();
        write(wish, &mut text);
        write!(
            file,
            "- rule: r{at}\n  desc: d\n  condition: {text}\n  output: o\n  priority: info\n"
        )
        .unwrap();
    }
    let loaded = toy::load(&[("f", &file)]);
    assert!(!loaded.has_errors(), "{file}\n{:?}", toy::lines(&loaded.diagnostics));
    loaded.rules
}

/// Whether the facts may have what is needed: one that is pending may.
fn has(facts: &[(&'static str, Fact)], (field, pattern): &(&'static str, Pattern)) -> bool {
    let fits = |text: &[u8]| match pattern {
        Pattern::Text(wanted) => text == &**wanted,
        Pattern::Start(start) => text.starts_with(start),
        Pattern::End(end) => text.ends_with(end),
        Pattern::Part(part) => text.windows(part.len()).any(|window| window == &**part),
        _ => false,
    };
    facts.iter().filter(|(name, _)| name == field).any(|(_, fact)| match (fact, pattern) {
        (Fact::Pending, _) => true,
        (Fact::Str(text), _) => fits(text.as_bytes()),
        (Fact::Bytes(text), _) => fits(text),
        (Fact::Int(number), Pattern::Number(wanted)) => number == wanted,
        (Fact::Int(number), Pattern::Numbers(first, last)) => (first..=last).contains(&number),
        _ => false,
    })
}

#[test]
fn the_rule_set_says_what_the_reference_says() {
    let mut scratch = Scratch::default();
    let (mut asked, mut held, mut refused) = (0, 0, 0);
    for seed in 1..=SETS {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let wishes: Vec<Wish> = (0..RULES).map(|_| wish(&mut dice, 3)).collect();
        let rules = rules(&wishes);
        for _ in 0..EVENTS {
            let kind = dice.pick(&[EXEC, OPEN, CONNECT]);
            let facts = facts(&mut dice, kind);
            let event = toy::event(kind, &facts);
            let mut found = [0; RULES];
            // One scratch for all sets and events: nothing of another one may show.
            rules.each_match(&event, &mut scratch, |each| {
                found[each.number] = if each.outcome == Outcome::Pending { 1 } else { 2 };
            });
            for (at, wish) in wishes.iter().enumerate() {
                let expected = truth(wish, kind, &facts);
                let mut text = String::new();
                write(wish, &mut text);
                assert_eq!(found[at], expected, "set {seed}: {text}\non {kind} {facts:?}");
                let alone = rules.rules()[at].condition.eval(&event) as u8;
                assert_eq!(alone, expected, "alone, set {seed}: {text}\non {kind} {facts:?}");
                let needs = rules.rules()[at].condition.needs(kind, &|_, _| true);
                if let Some(needs) = &needs {
                    let lets = needs.iter().any(|need| has(&facts, need));
                    assert!(lets || expected == 0, "{needs:?}, {text}\non {kind} {facts:?}");
                    refused += u32::from(!lets);
                }
                asked += 1;
                held += u32::from(expected == 2);
            }
        }
    }
    assert_eq!(asked, 100_000);
    // Were all of them false, nothing would have been shown.
    assert!((20_000..80_000).contains(&held), "{held}");
    // What no rule can hold for is seen beforehand, often enough to be worth it.
    assert!(refused > 20_000, "{refused}");
}

/// Rules are found by the values that they ask for, in great numbers, and share what they can.
#[test]
fn rules_are_indexed() {
    let mut file = String::new();
    for at in 0..300 {
        writeln!(
            file,
            "- rule: r{at}\n  desc: d\n  condition: evt.type = open and container.id = c and \
             (fd.name startswith /dir{at}/ or fd.name = /file{at})\n  output: o\n  priority: info"
        )
        .unwrap();
    }
    let loaded = toy::load(&[("f", &file)]);
    assert_eq!(loaded.rules.plan(OPEN), (vec!["fd.name"], 0, 300));
    assert_eq!(loaded.rules.plan(EXEC).2, 0);
    let event = |path, id| {
        toy::event(OPEN, &[("fd.name", Fact::Str(path)), ("container.id", Fact::Str(id))])
    };
    let names = |event: &Toy| -> Vec<String> {
        toy::found(&loaded.rules, event).into_iter().map(|(name, _)| name).collect()
    };
    assert_eq!(names(&event("/dir17/x", "c")), ["r17"]);
    assert_eq!(names(&event("/file299", "c")), ["r299"]);
    assert!(names(&event("/dir17/x", "d")).is_empty());
    assert!(names(&event("/dir17", "c")).is_empty());
    let pending = toy::event(OPEN, &[("fd.name", Fact::Pending), ("container.id", Fact::Str("c"))]);
    assert_eq!(names(&pending).len(), 300);
    // Text that is compared in lower case is found so.
    let lower = toy::load(&[("f", &file.replace("fd.name", "tolower(fd.name)"))]).rules;
    assert_eq!(lower.plan(OPEN), (vec!["fd.name"], 0, 300));
    assert_eq!(toy::found(&lower, &event("/DIR17/x", "c")).len(), 1);
    assert_eq!(toy::found(&lower, &pending).len(), 300);
}
