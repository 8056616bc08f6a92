//! What is wrong with a rule file, where, and the cure.

use std::fmt;
use std::sync::Arc;

use miette::{LabeledSpan, NamedSource, SourceCode, SourceSpan};

use crate::limits::DIAGNOSTICS_MAX;
use crate::source::{Place, Sources};

/// How much a [`Diagnostic`] matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The rules load; something in them is probably not what was meant.
    Warning,
    /// The file is not usable as it stands.
    Error,
}

/// Declares [`Code`] with the stable name and the severity of each.
macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $severity:ident;)+) => {
        /// What kind of problem a [`Diagnostic`] is about. The names are stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[doc = $doc])+ $variant,)+ }

        impl Code {
            /// The stable name, as printed.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// Whether it stops the rules from loading.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)+ }
            }
        }
    };
}

codes! {
    /// The file is not UTF-8 text or not YAML.
    Yaml = "yaml", Error;
    /// A bound of [`limits`](crate::limits) is exceeded.
    Limit = "limit", Error;
    /// The YAML is fine, but not the shape that a rule file has.
    Shape = "shape", Error;
    /// A key that no rule file object has.
    UnknownKey = "unknown-key", Error;
    /// A part of the language that this version does not have.
    Unsupported = "unsupported", Error;
    /// A condition or an output text that does not follow the grammar.
    Syntax = "syntax", Error;
    /// A field that no event has.
    UnknownField = "unknown-field", Error;
    /// A field argument that is missing, not wanted or of the wrong form.
    FieldArgument = "field-argument", Error;
    /// A value or an operator that does not fit the type of the field.
    TypeMismatch = "type-mismatch", Error;
    /// A file of values that cannot be read.
    ValuesFile = "values-file", Error;
    /// A macro that is not defined.
    UnknownMacro = "unknown-macro", Error;
    /// A list that is not defined.
    UnknownList = "unknown-list", Error;
    /// A macro or a list that contains itself.
    Recursion = "recursion", Error;
    /// An event type that does not exist.
    UnknownEventType = "unknown-event-type", Error;
    /// A value that names nothing: a priority, a pattern that is none.
    BadValue = "bad-value", Error;
    /// Two rules with the same id.
    DuplicateId = "duplicate-id", Error;
    /// A later definition changes one that does not exist.
    NothingToOverride = "nothing-to-override", Error;
    /// A rule that is left out: it is for another source, or skips itself for unknown fields.
    RuleSkipped = "rule-skipped", Warning;
    /// A condition that no event kind can satisfy.
    NeverMatches = "never-matches", Warning;
    /// A condition that every event kind may satisfy.
    AllKinds = "all-kinds", Warning;
    /// An event type that exists but is never observed.
    UnobservedEventType = "unobserved-event-type", Warning;
    /// A field that exists but has no value in any event.
    UnobservedField = "unobserved-field", Warning;
    /// A field that tells less here than its name says.
    PartlyObserved = "partly-observed", Warning;
    /// `!=` on a field with several values.
    AmbiguousNotEqual = "ambiguous-not-equal", Warning;
    /// A word in a list that looks like the name of a list.
    SuspiciousListItem = "suspicious-list-item", Warning;
    /// A key that is accepted and has no effect here.
    NoEffect = "no-effect", Warning;
    /// A way of writing that is on its way out.
    Deprecated = "deprecated", Warning;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is being compiled when a [`Diagnostic`] is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The rule of that name.
    Rule(Arc<str>),
    /// The macro of that name, which is compiled once for all its users.
    Macro(Arc<str>),
}

/// One problem, with its place in a rule file. Renders itself through [`miette`].
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// What kind of problem it is.
    pub code: Code,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it, if that is known.
    pub help: Option<String>,
    /// The name of the file.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// What it was found in; None for the form of a file.
    pub subject: Option<Subject>,
    span: SourceSpan,
    source: NamedSource<Arc<str>>,
}

impl Diagnostic {
    /// Whether it is an error or a warning.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }

    /// Everything on one line: `file:line:column: error[code]: message; help`.
    #[must_use]
    pub fn one_line(&self) -> String {
        let Self { code, message, help, file, line, column, .. } = self;
        let severity = match code.severity() {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let help = help.as_ref().map(|h| format!("; {h}")).unwrap_or_default();
        format!("{file}:{line}:{column}: {severity}[{code}]: {message}{help}")
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Diagnostic {}

impl miette::Diagnostic for Diagnostic {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.code.severity() {
            Severity::Warning => miette::Severity::Warning,
            Severity::Error => miette::Severity::Error,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_primary_with_span(Some("here".to_owned()), self.span);
        Some(Box::new(std::iter::once(label)))
    }
}

/// A problem that is not yet tied to a file: what a stage hands to [`Reports`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl Problem {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }
}

/// Gathers the diagnostics of one load.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    pub(crate) sources: Sources,
    /// What is being compiled.
    pub(crate) subject: Option<Subject>,
    found: Vec<Diagnostic>,
    left_out: usize,
}

impl Reports {
    pub(crate) fn push(&mut self, place: Place, problem: Problem) {
        if self.found.len() >= DIAGNOSTICS_MAX {
            self.left_out += 1;
            return;
        }
        let (line, column) = self.sources.line_column(place);
        let source = self.sources.get(place.source);
        let file: Arc<str> = source.map_or_else(|| "".into(), |s| Arc::clone(&s.name));
        let text: Arc<str> = source.map_or_else(|| "".into(), |s| Arc::clone(&s.text));
        let Problem { code, message, help } = problem;
        let start = place.start as usize;
        let span = SourceSpan::from((start, (place.end as usize).saturating_sub(start)));
        let source = NamedSource::new(&*file, text);
        let subject = self.subject.clone();
        let diagnostic =
            Diagnostic { code, message, help, file, line, column, subject, span, source };
        // A macro is compiled once, but a text may be looked at twice on the way.
        let known = |d: &Diagnostic| {
            (d.line, d.column, &d.file, &d.message)
                == (line, column, &diagnostic.file, &diagnostic.message)
        };
        if !self.found.iter().any(known) {
            self.found.push(diagnostic);
        }
    }

    /// How many there are, for [`Reports::take_unknown_fields`].
    pub(crate) fn mark(&self) -> usize {
        self.found.len()
    }

    /// Removes the reports of unknown fields since `mark`; says whether there were no other errors.
    pub(crate) fn take_unknown_fields(&mut self, mark: usize) -> bool {
        let since = self.found.get(mark..).unwrap_or_default();
        let other =
            |d: &Diagnostic| d.severity() == Severity::Error && d.code != Code::UnknownField;
        let only = !since.iter().any(other);
        if only {
            self.found.truncate(mark);
        }
        only
    }

    /// All of them, in the order of files and lines.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        if self.left_out > 0
            && let Some(last) = self.found.last_mut()
        {
            let more = format!("{} more problems are not shown", self.left_out);
            last.help = Some(last.help.take().map_or(more.clone(), |h| format!("{h}; {more}")));
        }
        let order: Vec<Arc<str>> = self.sources.names();
        let rank = |file: &Arc<str>| order.iter().position(|name| name == file);
        self.found.sort_by_key(|d| (rank(&d.file), d.line, d.column));
        self.found
    }
}
