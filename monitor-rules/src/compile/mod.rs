//! Syntax trees to nodes: looks up fields, macros and lists, checks types, prepares values.
//! Everything that is wrong is reported, and compiling goes on.

mod exceptions;
mod leaf;
mod literals;
mod operand;

pub(crate) use operand::look_up;

use std::collections::HashMap;
use std::sync::Arc;

use crate::ast::{Expr, Name};
use crate::diagnostic::{Code, Problem, Reports, Subject};
use crate::library::Library;
use crate::limits::{CONDITION_DEPTH_MAX, CONDITION_TERMS_MAX, NAMES_COMPARED_MAX};
use crate::node::{Macro, Node};
use crate::parse;
use crate::schema::Schema;
use crate::suggest::did_you_mean;
use crate::text::{Span, Text};

/// Compiles the conditions of one load.
pub(crate) struct Compiler<'a, E: 'static> {
    schema: &'static Schema<E>,
    library: &'a Library,
    pub(crate) reports: &'a mut Reports,
    macros: HashMap<String, State<E>>,
    /// The macros being compiled, outermost first.
    stack: Vec<String>,
    /// Values that lists expanded to.
    expanded: usize,
    /// Names that unknown words were compared with.
    compared: usize,
}

enum State<E: 'static> {
    Done(Arc<Macro<E>>),
    /// Reported already.
    Failed,
}

impl<'a, E> Compiler<'a, E> {
    pub(crate) fn new(
        schema: &'static Schema<E>,
        library: &'a Library,
        reports: &'a mut Reports,
    ) -> Self {
        let (macros, stack) = (HashMap::new(), Vec::new());
        Self { schema, library, reports, macros, stack, expanded: 0, compared: 0 }
    }

    /// Forgets which macros failed, so that their errors are reported to the next user too.
    pub(crate) fn forget_failures(&mut self) {
        self.macros.retain(|_, state| matches!(state, State::Done(_)));
    }

    /// A condition, or `None` after a report.
    pub(crate) fn condition(&mut self, text: &Text) -> Option<Node<E>> {
        let expr = match parse::parse(text.as_str()) {
            Ok(expr) => expr,
            Err(err) => {
                self.reports.push(text.locate(err.span), err.problem);
                return None;
            }
        };
        let node = self.expr(&expr, text)?;
        if node.size() > CONDITION_TERMS_MAX {
            let message = format!("condition has more than {CONDITION_TERMS_MAX} terms");
            self.reports.push(text.whole(), Problem::new(Code::Limit, message));
            return None;
        }
        Some(node)
    }

    /// Whether a word may still be compared with that many names.
    fn may_compare(&mut self, names: usize) -> bool {
        self.compared = self.compared.saturating_add(names);
        self.compared <= NAMES_COMPARED_MAX
    }

    fn report(&mut self, text: &Text, span: Span, problem: Problem) {
        self.reports.push(text.locate(span), problem);
    }

    fn expr(&mut self, expr: &Expr, text: &Text) -> Option<Node<E>> {
        match expr {
            Expr::Or(terms) => self.all(terms, text).map(Node::Or),
            Expr::And(terms) => self.all(terms, text).map(Node::And),
            Expr::Not(inner) => self.expr(inner, text).map(|node| Node::Not(Box::new(node))),
            Expr::Macro(name) => self.macro_use(name, text).map(Node::Macro),
            Expr::Check(check) => self.check(check, text),
        }
    }

    /// All terms are compiled, also behind one that fails, so that all errors are seen.
    fn all(&mut self, terms: &[Expr], text: &Text) -> Option<Box<[Node<E>]>> {
        let nodes: Vec<Option<Node<E>>> = terms.iter().map(|term| self.expr(term, text)).collect();
        nodes.into_iter().collect()
    }

    fn macro_use(&mut self, name: &Name, text: &Text) -> Option<Arc<Macro<E>>> {
        match self.macros.get(&name.text) {
            Some(State::Done(done)) => return Some(Arc::clone(done)),
            Some(State::Failed) => return None,
            None => {}
        }
        if let Some(problem) = self.unusable(&name.text) {
            self.report(text, name.span, problem);
            return None;
        }
        let body = self.library.macros.get(&name.text)?.condition.as_ref()?;
        self.stack.push(name.text.clone());
        let user = self.reports.subject.replace(Subject::Macro(name.text.as_str().into()));
        let node = self.condition(body);
        self.reports.subject = user;
        self.stack.pop();
        let Some(node) = node else {
            self.macros.insert(name.text.clone(), State::Failed);
            return None;
        };
        let size = node.size();
        let shared = Arc::new(Macro { name: name.text.as_str().into(), node, size });
        self.macros.insert(name.text.clone(), State::Done(Arc::clone(&shared)));
        Some(shared)
    }

    /// Why a macro cannot be used here.
    fn unusable(&mut self, name: &str) -> Option<Problem> {
        if !self.library.macros.contains_key(name) {
            let problem = Problem::new(Code::UnknownMacro, format!("unknown macro `{name}`"));
            return Some(problem.maybe_help(self.instead_of(name)));
        }
        if let Some(at) = self.stack.iter().position(|open| open == name) {
            let cycle = self.stack.iter().skip(at).map(String::as_str).chain([name]);
            let cycle = cycle.collect::<Vec<_>>().join(" → ");
            let message = format!("macro `{name}` contains itself");
            return Some(Problem::new(Code::Recursion, message).help(cycle));
        }
        if self.stack.len() >= CONDITION_DEPTH_MAX {
            let message = format!("macros are nested deeper than {CONDITION_DEPTH_MAX} levels");
            return Some(Problem::new(Code::Limit, message));
        }
        None
    }

    /// What may have been meant by an unknown macro.
    fn instead_of(&mut self, name: &str) -> Option<String> {
        if self.library.lists.contains_key(name) {
            return Some(format!("`{name}` is a list; use it as in `proc.name in ({name})`"));
        }
        if !self.may_compare(self.library.macros.len()) {
            return None;
        }
        did_you_mean(name, self.library.macros.keys().map(String::as_str))
    }
}
