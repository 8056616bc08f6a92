//! A compiled condition on its own: what a rule has, and what a filter on a command line is.

use std::collections::BTreeSet;

use crate::compile::Compiler;
use crate::diagnostic::{Diagnostic, Reports};
use crate::eval::{Final, Tri, Undecided, Waiting};
use crate::explain::Explained;
use crate::kind::KindSet;
use crate::library::Library;
use crate::node::Node;
use crate::outline::Outline;
use crate::schema::{Arg, Schema};
use crate::source::Place;
use crate::text::Text;

/// A compiled condition.
pub struct Condition<E: 'static> {
    node: Node<E>,
    schema: &'static Schema<E>,
    kinds: KindSet,
}

/// What a condition comes to when no further fact is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the condition holds, unknown facts taken as false comparisons.
    pub fires: bool,
    /// The fields that were asked for and not known.
    pub undecided: Vec<Undecided>,
    /// The exception, by number, that keeps a rule quiet of which this is the decision.
    pub excepted: Option<usize>,
}

impl<E> Condition<E> {
    /// Compiles a condition that stands alone, without macros or lists. `name` is what diagnostics
    /// call it.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it; warnings alone are no error and are dropped.
    pub fn compile(
        schema: &'static Schema<E>,
        name: &str,
        condition: &str,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut reports = Reports::default();
        let source = reports.sources.add(name, condition);
        let end = u32::try_from(condition.len()).unwrap_or(u32::MAX);
        let text = Text::verbatim(condition, Place { source, start: 0, end });
        let library = Library::default();
        let node = Compiler::new(schema, &library, &mut reports).condition(&text);
        node.map(|node| Self::new(schema, node)).ok_or_else(|| reports.finish())
    }

    pub(crate) fn new(schema: &'static Schema<E>, node: Node<E>) -> Self {
        let kinds = node.kinds().intersection(schema.all_kinds());
        Self { node, schema, kinds }
    }

    pub(crate) fn time_of(&self, event: &E) -> i64 {
        (self.schema.time_of)(event)
    }

    pub(crate) fn node(&self) -> &Node<E> {
        &self.node
    }

    /// Whether the condition holds. `Unknown` if that hangs on a pending fact: wait and ask again,
    /// or decide.
    #[must_use]
    pub fn eval(&self, event: &E) -> Tri {
        self.node.eval(event, (self.schema.kind_of)(event), &mut Waiting)
    }

    /// Whether the condition holds when the waiting is over.
    #[must_use]
    pub fn decide(&self, event: &E) -> Decision {
        let mut watch = Final::default();
        let kind = (self.schema.kind_of)(event);
        let fires = self.node.eval(event, kind, &mut watch) == Tri::True;
        Decision { fires, undecided: watch.undecided, excepted: None }
    }

    /// Why the condition holds or not: every check with the values that it saw.
    #[must_use]
    pub fn explain(&self, event: &E) -> Explained {
        let kind = (self.schema.kind_of)(event);
        let name = self.schema.kinds.get(usize::from(kind)).copied().unwrap_or("unknown");
        self.node.explain(event, kind, name)
    }

    /// Its structure, macros and lists resolved.
    #[must_use]
    pub fn outline(&self) -> Outline {
        self.node.outline()
    }

    /// The kinds of event for which the condition can hold. No other kind needs to be observed
    /// for it.
    #[must_use]
    pub fn kinds(&self) -> KindSet {
        self.kinds
    }

    /// The words in brackets that the condition uses a field with: `A` of `proc.env[A]`.
    #[must_use]
    pub fn keys_of(&self, field: &str) -> BTreeSet<String> {
        keys_of(field, |each| self.visit_fields(each))
    }

    /// The fields that the condition uses.
    #[must_use]
    pub fn fields(&self) -> BTreeSet<&'static str> {
        fields(|each| self.visit_fields(each))
    }

    /// Calls `each` with every field that the condition uses, and the argument that it has there.
    pub fn visit_fields(&self, each: &mut dyn FnMut(&'static str, &Arg)) {
        self.node.fields(each);
    }
}

/// Sees a field, and the word in brackets behind it.
type Each<'a> = &'a mut dyn FnMut(&'static str, &Arg);

/// The fields that `visit` passes.
pub(crate) fn fields(visit: impl FnOnce(Each<'_>)) -> BTreeSet<&'static str> {
    let mut all = BTreeSet::new();
    visit(&mut |name, _| all.extend([name]));
    all
}

/// The words in brackets that `visit` passes a field with.
pub(crate) fn keys_of(field: &str, visit: impl FnOnce(Each<'_>)) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    visit(&mut |name, arg| {
        if name == field {
            all.extend(arg.key().map(|key| key.text().to_owned()));
        }
    });
    all
}
