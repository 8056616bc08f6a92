//! The fields and the event kinds that rules can speak of. The crate that owns the events writes
//! one constant [`Schema`]; everything here works from that table.

use std::collections::HashMap;
use std::ops::ControlFlow;

use crate::glob::Glob;
use crate::kind::KindSet;
use crate::value::{Value, Visit};

/// The type of a field: it decides which operators and which values go with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Text or a path.
    Str,
    /// A whole number.
    Int,
    /// `true` or `false`.
    Bool,
    /// An IP address; it can be compared with addresses and with CIDR blocks.
    Ip,
}

impl Type {
    /// The type's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Str => "string",
            Self::Int => "number",
            Self::Bool => "boolean",
            Self::Ip => "IP address",
        }
    }

    /// The name as diagnostics put it into a sentence.
    pub(crate) fn a_name(self) -> String {
        let article = if self == Self::Ip { "an" } else { "a" };
        format!("{article} {}", self.name())
    }
}

/// Which argument a field takes, as in `proc.aname[2]` or `container.mount.dest[/etc]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgRule {
    /// None.
    None,
    /// A number, or none.
    OptionalIndex,
    /// A number.
    Index,
    /// A word or a glob, or none.
    OptionalKey,
    /// A word or a glob.
    Key,
}

/// The argument of a field, as a rule wrote it.
#[derive(Clone, Debug, Default)]
pub enum Arg {
    /// No argument.
    #[default]
    None,
    /// A number.
    Index(u32),
    /// A word or a glob.
    Key(Key),
}

impl Arg {
    /// The number, if the argument is one.
    #[must_use]
    pub fn index(&self) -> Option<u32> {
        if let Self::Index(index) = self { Some(*index) } else { None }
    }

    /// The word or glob, if the argument is one.
    #[must_use]
    pub fn key(&self) -> Option<&Key> {
        if let Self::Key(key) = self { Some(key) } else { None }
    }
}

/// A word or a glob in brackets.
#[derive(Clone, Debug)]
pub struct Key {
    text: Box<str>,
    glob: Option<Glob>,
}

impl Key {
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let glob = if Glob::is_pattern(text) { Some(Glob::new(text, false)?) } else { None };
        Ok(Self { text: text.into(), glob })
    }

    /// The argument as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether `name` is the word or is matched by the glob.
    #[must_use]
    pub fn matches(&self, name: &[u8]) -> bool {
        match &self.glob {
            Some(glob) => glob.is_match(name),
            None => self.text.as_bytes() == name,
        }
    }
}

/// Calls `visit` with each value until that says `Break`.
pub type GetMembers<E> = for<'e> fn(&'e E, visit: &mut Visit<'_, 'e>);

/// How a field gets its value or values from an event. Plain fields must not allocate.
pub enum Get<E: ?Sized + 'static> {
    /// One value.
    One(for<'e> fn(&'e E, &Arg) -> Value<'e>),
    /// Alternatives, such as all ancestors of a process: a check holds if it holds for any.
    /// The function calls `visit` for each until that says `Break`.
    Any(for<'e> fn(&'e E, &Arg, visit: &mut Visit<'_, 'e>)),
    /// A set: `in` means that all of it is contained, `intersects` that some of it is; other
    /// checks hold if they hold for any member.
    Set(for<'e> fn(&'e E, &Arg, visit: &mut Visit<'_, 'e>)),
}

impl<E: ?Sized> Get<E> {
    /// Calls `visit` with each value; with none at all if there is none.
    pub(crate) fn visit<'e>(&self, event: &'e E, arg: &Arg, visit: &mut Visit<'_, 'e>) {
        match self {
            Self::One(get) => visit_only(get(event, arg), visit),
            Self::Any(get) | Self::Set(get) => get(event, arg, visit),
        }
    }
}

/// Visits the only value there is: whether to go on does not matter.
pub(crate) fn visit_only<'e>(value: Value<'e>, visit: &mut Visit<'_, 'e>) {
    match visit(value) {
        ControlFlow::Continue(()) | ControlFlow::Break(()) => {}
    }
}

/// One field that rules can use.
pub struct Field<E: ?Sized + 'static> {
    /// The dotted name.
    pub name: &'static str,
    /// The type of its value, or of each of its values.
    pub ty: Type,
    /// The argument that it takes.
    pub arg: ArgRule,
    /// The kinds of event in which it can have a value. For every other kind it must answer
    /// [`Value::Absent`]: rules are not even tried there. Empty for a field that is known, and
    /// that no event has: rules that use it load, with a warning.
    pub kinds: KindSet,
    /// One sentence for the reference.
    pub doc: &'static str,
    /// How to get its value.
    pub get: Get<E>,
}

/// The value that a field has in every event of a kind, by the number of the kind.
pub type ValueOfKind = fn(u8) -> Value<'static>;

/// Everything that rules can speak of.
pub struct Schema<E: ?Sized + 'static> {
    /// The fields, in the order of the reference.
    pub fields: &'static [Field<E>],
    /// The names of the event kinds; the index is the kind.
    pub kinds: &'static [&'static str],
    /// The kind of an event.
    pub kind_of: fn(&E) -> u8,
    /// When an event was, nanoseconds since 1970: what expires, and what is gathered over a time,
    /// goes by it.
    pub time_of: fn(&E) -> i64,
    /// The field that names the event's type. Checks of it become sets of kinds when a rule is
    /// compiled; its getter is only asked for outputs.
    pub type_field: &'static str,
    /// What [`Schema::type_field`] may be compared with, and the kinds that this stands for: none
    /// for a type that exists but is not observed.
    pub types: &'static [(&'static str, KindSet)],
    /// Fields that tell less than their names say, with what they leave out: rules that use one
    /// load, with a warning.
    pub partly: &'static [(&'static str, &'static str)],
    /// Fields that stand for both ends of something: `!=` holds if neither end is equal, where for
    /// other fields with several values it holds if any one differs.
    pub both_ends: &'static [&'static str],
    /// Fields whose value is told by the kind alone: checks of one become sets of kinds, as those
    /// of [`Schema::type_field`] do, so that a rule which asks for one value asks for no kind that
    /// has another.
    pub by_kind: &'static [(&'static str, ValueOfKind)],
    /// Text fields that have the same value in every event, with that value: what compares one
    /// with something else never holds.
    pub always: &'static [(&'static str, &'static str)],
    /// Fields whose argument may stand behind a dot in place of brackets: `evt.arg.fd` is
    /// `evt.arg[fd]`, whichever of both is a field of its own.
    pub dotted: &'static [&'static str],
    /// Fields of no event that may be compared with anything, as their type hangs on the argument.
    pub untyped: &'static [&'static str],
    /// Text fields that are several texts in one, as arguments with spaces between, and how to get
    /// each of these: what `getopt` reads.
    pub members: &'static [(&'static str, GetMembers<E>)],
}

impl<E: ?Sized> Schema<E> {
    /// The kinds that this schema has.
    #[must_use]
    pub fn all_kinds(&self) -> KindSet {
        KindSet::first(self.kinds.len())
    }

    /// What is wrong with the table itself, for a test of the crate that writes it.
    #[must_use]
    pub fn mistakes(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut seen = HashMap::new();
        if self.kinds.len() > crate::limits::KINDS_MAX {
            found.push(format!("{} kinds are more than fit", self.kinds.len()));
        }
        for field in self.fields {
            if seen.insert(field.name, ()).is_some() {
                found.push(format!("field `{}` is there twice", field.name));
            }
            if !field.name.contains('.') {
                found.push(format!("field `{}` has no dot", field.name));
            }
        }
        for (name, _) in self.partly.iter().filter(|(name, _)| !seen.contains_key(name)) {
            found.push(format!("`{name}`, which tells only a part, is not a field"));
        }
        for name in self.both_ends.iter().filter(|name| !seen.contains_key(**name)) {
            found.push(format!("`{name}`, which has two ends, is not a field"));
        }
        for (name, _) in self.by_kind.iter().filter(|(name, _)| !seen.contains_key(name)) {
            found.push(format!("`{name}`, which the kind tells, is not a field"));
        }
        for (name, _) in self.always {
            if !self.field(name).is_some_and(|field| field.ty == Type::Str) {
                found.push(format!("`{name}`, which has one value, is not a text field"));
            }
        }
        for name in self.dotted.iter().filter(|name| !seen.contains_key(**name)) {
            found.push(format!("`{name}`, which may have a dot, is not a field"));
        }
        for name in self.untyped {
            if !self.field(name).is_some_and(|field| field.kinds.is_empty()) {
                found.push(format!("`{name}`, which has no type, is not a field of no event"));
            }
        }
        for (name, _) in self.members {
            if !self.field(name).is_some_and(|field| field.ty == Type::Str) {
                found.push(format!("`{name}`, which has members, is not a text field"));
            }
        }
        if !seen.contains_key(self.type_field) {
            found.push(format!("type field `{}` is not a field", self.type_field));
        }
        found
    }

    pub(crate) fn field(&self, name: &str) -> Option<&'static Field<E>> {
        self.fields.iter().find(|field| field.name == name)
    }
}
