//! The objects of a rule file as written: lists, macros and rules. Nothing is looked up here.

use crate::source::Place;
use crate::text::Text;

/// What a later definition of the same name does with one part of the earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Override {
    Append,
    /// What `append: true` means for each part that may be there.
    AppendIfGiven,
    Replace,
}

/// The parts that an `override:` mapping names, each with what to do.
pub(crate) type Parts = Vec<(String, Override, Place)>;

/// `None` for a definition that is no override.
pub(crate) type Overrides = Option<Parts>;

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

#[derive(Clone, Debug)]
pub(crate) struct ListDefinition {
    pub(crate) name: At<String>,
    pub(crate) items: Option<Vec<At<String>>>,
    /// The file that its values stand in, in place of `items`.
    pub(crate) file: Option<At<String>>,
    pub(crate) overrides: Overrides,
}

#[derive(Clone, Debug)]
pub(crate) struct MacroDefinition {
    pub(crate) name: At<String>,
    pub(crate) condition: Option<Text>,
    pub(crate) overrides: Overrides,
}

/// A rule. Parts that are not written are `None`, since an override need not have them.
#[derive(Clone, Debug)]
pub(crate) struct RuleDefinition {
    pub(crate) name: At<String>,
    pub(crate) id: Option<At<String>>,
    pub(crate) version: Option<At<String>>,
    pub(crate) desc: Option<At<String>>,
    pub(crate) condition: Option<Text>,
    pub(crate) output: Option<Text>,
    pub(crate) priority: Option<At<String>>,
    pub(crate) source: Option<At<String>>,
    pub(crate) enabled: Option<bool>,
    pub(crate) skip_unknown: Option<bool>,
    pub(crate) tags: Option<Vec<At<String>>>,
    pub(crate) mitre: Vec<At<String>>,
    pub(crate) references: Vec<String>,
    pub(crate) false_positives: Vec<String>,
    pub(crate) triage: Vec<String>,
    pub(crate) exceptions: Option<Vec<Exception>>,
    pub(crate) mode: Option<At<String>>,
    pub(crate) expected_rate: Option<At<String>>,
    pub(crate) aggregate: Option<AggregateDefinition>,
    pub(crate) tests: Vec<RuleTest>,
    pub(crate) overrides: Overrides,
}

impl RuleDefinition {
    /// Whether it says nothing but whether the rule is enabled.
    pub(crate) fn is_switch(&self) -> bool {
        let texts = self.condition.is_some() || self.output.is_some() || self.desc.is_some();
        let lists = self.tags.is_some() || self.exceptions.is_some() || !self.tests.is_empty();
        self.enabled.is_some() && !texts && !lists && self.priority.is_none()
    }
}

/// A named exception: rows of values that, all fields of a row fitting, keep the rule quiet.
#[derive(Clone, Debug)]
pub(crate) struct Exception {
    pub(crate) name: At<String>,
    pub(crate) fields: Vec<At<String>>,
    pub(crate) comps: Vec<At<String>>,
    pub(crate) rows: Vec<Vec<ExceptionValue>>,
    /// Whether `fields` was written as one word: then each value stands alone.
    pub(crate) single: bool,
    pub(crate) owner: Option<String>,
    pub(crate) reason: Option<String>,
    /// A day or an instant, as written.
    pub(crate) expires: Option<At<String>>,
}

#[derive(Clone, Debug)]
pub(crate) enum ExceptionValue {
    One(At<String>),
    Many(Vec<At<String>>, Place),
}

/// What makes an alert of several events.
#[derive(Clone, Debug)]
pub(crate) struct AggregateDefinition {
    pub(crate) place: Place,
    pub(crate) count: Option<At<String>>,
    pub(crate) distinct: Option<At<String>>,
    pub(crate) sequence: Option<Vec<Text>>,
    pub(crate) within: Option<At<String>>,
    pub(crate) by: Vec<At<String>>,
}

/// What a rule's test expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The rule fires on the event.
    Fires,
    /// The rule keeps quiet.
    Quiet,
}

/// A test that stands in a rule. The crate that owns the events builds them from
/// [`RuleTest::acts`].
#[derive(Clone, Debug, PartialEq)]
pub struct RuleTest {
    /// What the test is about.
    pub name: String,
    /// What is expected.
    pub expect: Expect,
    /// What happens.
    pub acts: TestActs,
    /// The line of the test, from 1.
    pub line: usize,
}

/// What happens in a test.
#[derive(Clone, Debug, PartialEq)]
pub enum TestActs {
    /// One event: whether the rule's condition and exceptions let it pass. What the rule gathers
    /// is not looked at.
    Event(TestEvent),
    /// Events one after another, of which a rule that gathers makes what it makes of them.
    Events(Vec<TestEvent>),
    /// The events of a recording: its path, relative to the rule file.
    Recording(String),
}

/// An event of a test.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TestEvent {
    /// Dotted names with values, in the order of the file.
    pub fields: Vec<TestField>,
    /// How long after the one before, nanoseconds.
    pub after_ns: u64,
    /// The line, from 1.
    pub line: usize,
}

/// One line of a test's event.
#[derive(Clone, Debug, PartialEq)]
pub struct TestField {
    /// The dotted name, with an argument if it has one; nested mappings are joined with dots.
    pub name: String,
    /// The value.
    pub value: TestValue,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
}

/// A value in a test's event.
#[derive(Clone, Debug, PartialEq)]
pub enum TestValue {
    /// Written as `null`, `~` or nothing: the event has no such thing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Anything else, and everything in quotes.
    Str(String),
    /// A text that is no UTF-8. No test can write it; an alert that is kept may have it.
    Bytes(Vec<u8>),
    /// Several values.
    List(Vec<TestValue>),
}
