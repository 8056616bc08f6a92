//! One comparison: which operators and values go with which type, and what they become.

use std::sync::Arc;

use crate::ast::{Check, Modifier, Op, Operand, Test as Written};
use crate::cidr::{Cidr, IpSet};
use crate::diagnostic::{Code, Problem};
use crate::glob;
use crate::kind::KindSet;
use crate::matcher::{Matcher, StrSet};
use crate::node::{KindTest, Leaf, Node, Test};
use crate::path_set::PathSet;
use crate::schema::Type;
use crate::source::Place;
use crate::suggest::did_you_mean;
use crate::term::Term;
use crate::text::{Span, Text};
use crate::value::Value;

use super::Compiler;
use super::literals::Word;

/// The operators that a type has.
fn operators(ty: Type) -> &'static [Op] {
    use Op::*;
    match ty {
        Type::Str => &[
            Eq,
            Ne,
            Contains,
            IContains,
            BContains,
            StartsWith,
            BStartsWith,
            EndsWith,
            Glob,
            IGlob,
            Regex,
            In,
            Intersects,
            PMatch,
        ],
        Type::Int => &[Eq, Ne, Lt, Le, Gt, Ge, In, Intersects],
        Type::Bool => &[Eq, Ne, In],
        Type::Ip => &[Eq, Ne, In, Intersects],
    }
}

/// The operator and modifier of a comparison, with the left side as reports show it.
struct Comparison<'c> {
    op: Op,
    op_span: Span,
    modifier: Option<Modifier>,
    right: &'c Operand,
    left: &'c Operand,
}

impl<E> Compiler<'_, E> {
    pub(super) fn check(&mut self, check: &Check, text: &Text) -> Option<Node<E>> {
        self.refuse_field_in_list(&check.left, text)?;
        let left = self.term(&check.left, text);
        let Written::Compare { op, op_span, modifier, right } = &check.test else {
            return Some(leaf(left?, Test::Exists, check, false));
        };
        let comparison = Comparison {
            op: *op,
            op_span: *op_span,
            modifier: *modifier,
            right,
            left: &check.left,
        };
        // With an unknown field the values can still be wrong in ways that are worth a report, but
        // there is no type to check them by.
        let left = left?;
        if let Term::Field { field, .. } = &left
            && self.schema.untyped.contains(&field.name)
        {
            return Some(leaf(left, Test::Exists, check, true));
        }
        if *op == Op::Ne && self.has_both_ends(&left) {
            return self.neither_end(check, text);
        }
        self.check_operator(&left, &comparison, text)?;
        if let Operand::Call(_) = right {
            let right = self.right_term(&left, &comparison, text)?;
            let test = Test::Compare { op: *op, right, all: *op == Op::In && left.is_whole() };
            return Some(leaf(left, test, check, false));
        }
        if let Operand::List(_) = check.left {
            let problem = Problem::new(Code::Syntax, "values are compared with values").help(
                "put a transformer on one side, as in `(n, t) in getopt(proc.args, \"nt:\")`",
            );
            self.report(text, right.span(), problem);
            return None;
        }
        let words = match right {
            Operand::Literal(name) if op.takes_list() => self.named_list(name, text)?,
            _ => self.words(right, text)?,
        };
        let matcher = self.matcher(left.ty(), &comparison, &words)?;
        if let Term::Field { field, .. } = &left
            && field.name == self.schema.type_field
        {
            let kinds = self.kind_set(*op, &matcher, &words)?;
            let text = check.to_string().into();
            return Some(Node::Kinds(KindTest { kinds, field: field.name, text }));
        }
        if let Some(kinds) = self.told_by_kind(&left, &matcher) {
            let Term::Field { field, .. } = &left else { return None };
            let text = check.to_string().into();
            return Some(Node::Kinds(KindTest { kinds, field: field.name, text }));
        }
        let never = self.never_passes(&left, &matcher);
        let all = left.is_set() && *op == Op::In;
        let test = if all { Test::AllMatch(matcher) } else { Test::Matches(matcher) };
        Some(leaf(left, test, check, never))
    }

    /// The kinds in which a field passes, where its value is told by the kind alone.
    fn told_by_kind(&self, left: &Term<E>, matcher: &Matcher) -> Option<KindSet> {
        let Term::Field { field, .. } = left else { return None };
        let (_, value_of) = self.schema.by_kind.iter().find(|(name, _)| *name == field.name)?;
        let passes = |kind: &u8| matcher.matches(&value_of(*kind));
        let kinds = field.kinds.intersection(self.schema.all_kinds());
        Some(KindSet::of(&kinds.iter().filter(passes).collect::<Vec<_>>()))
    }

    /// Who puts a field in parentheses on the left does not mean its name.
    fn refuse_field_in_list(&mut self, left: &Operand, text: &Text) -> Option<()> {
        let Operand::List(list) = left else { return Some(()) };
        let field = list.items.iter().find_map(|item| match item {
            Operand::Literal(it) if !it.quoted => self.schema.field(&it.text).map(|_| it),
            _ => None,
        });
        let Some(literal) = field else { return Some(()) };
        let message = format!("`{}` is a text in this list, not the field", literal.text);
        let problem = Problem::new(Code::Syntax, message).help("write it without the parentheses");
        self.report(text, literal.span, problem);
        None
    }

    /// Whether a field has one value in every event, which does not pass.
    fn never_passes(&self, left: &Term<E>, matcher: &Matcher) -> bool {
        let Term::Field { field, .. } = left else { return false };
        let value = self.schema.always.iter().find(|(name, _)| *name == field.name);
        value.is_some_and(|(_, value)| !matcher.matches(&Value::str(*value)))
    }

    fn has_both_ends(&self, left: &Term<E>) -> bool {
        matches!(left, Term::Field { field, .. } if self.schema.both_ends.contains(&field.name))
    }

    /// `!=` of both ends: there are some, and neither is equal.
    fn neither_end(&mut self, check: &Check, text: &Text) -> Option<Node<E>> {
        let mut equal = check.clone();
        if let Written::Compare { op, .. } = &mut equal.test {
            *op = Op::Eq;
        }
        let exists = Check { test: Written::Exists, ..check.clone() };
        let parts = [self.check(&exists, text)?, Node::Not(Box::new(self.check(&equal, text)?))];
        Some(Node::And(parts.into()))
    }

    fn check_operator(
        &mut self,
        left: &Term<E>,
        comparison: &Comparison<'_>,
        text: &Text,
    ) -> Option<()> {
        let Comparison { op, op_span, left: shown, .. } = comparison;
        let known = operators(left.ty());
        if !known.contains(op) {
            let known: Vec<&str> = known.iter().map(|op| op.text()).chain(["exists"]).collect();
            let message = format!(
                "`{}` does not apply to `{shown}`, which is {}",
                op.text(),
                left.ty().a_name()
            );
            let problem = Problem::new(Code::TypeMismatch, message)
                .help(format!("these apply: {}", known.join(", ")));
            self.report(text, *op_span, problem);
            return None;
        }
        if *op == Op::Ne && (left.is_any() || left.is_set()) {
            let message = format!("`{shown} != …` holds if any one of the values differs");
            let problem = Problem::new(Code::AmbiguousNotEqual, message)
                .help(format!("if none may be equal, write `not {shown} = …`"));
            self.report(text, *op_span, problem);
        }
        Some(())
    }

    fn right_term(
        &mut self,
        left: &Term<E>,
        comparison: &Comparison<'_>,
        text: &Text,
    ) -> Option<Term<E>> {
        let Comparison { op, op_span, right: written, .. } = comparison;
        let right = self.term(written, text)?;
        if matches!(op, Op::Glob | Op::IGlob | Op::Regex | Op::BContains | Op::BStartsWith) {
            let message = format!("the right side of `{}` must be a constant", op.text());
            self.report(text, *op_span, Problem::new(Code::TypeMismatch, message));
            return None;
        }
        if left.ty() != right.ty() {
            let (l, r) = (left.ty().a_name(), right.ty().a_name());
            let message = format!("{l} cannot be compared with `{written}`, which is {r}");
            let span = Self::span_of(written);
            self.report(text, span, Problem::new(Code::TypeMismatch, message));
            return None;
        }
        Some(right)
    }

    fn matcher(
        &mut self,
        ty: Type,
        comparison: &Comparison<'_>,
        words: &[Word],
    ) -> Option<Matcher> {
        let Comparison { op, modifier, left, .. } = comparison;
        let made = match (modifier, words) {
            (Some(modifier), words) => many(ty, *op, *modifier, words),
            (None, words) => one(ty, *op, words),
        };
        made.map_err(|(place, what)| {
            let shown = match what {
                Wrong::Type => {
                    let word = words.iter().find(|w| w.place == place);
                    let word = word.map(|w| w.text.as_str()).unwrap_or_default();
                    let message = format!("`{left}` is {}, `{word}` is none", ty.a_name());
                    Problem::new(Code::TypeMismatch, message)
                }
                Wrong::Pattern(why) => {
                    Problem::new(Code::BadValue, format!("not a valid {}: {why}", op.text()))
                }
            };
            self.reports.push(place, shown);
        })
        .ok()
    }

    /// The kinds whose types fit. Which type an event has is known from its kind, so the whole
    /// comparison is decided here.
    fn kind_set(&mut self, op: Op, matcher: &Matcher, words: &[Word]) -> Option<KindSet> {
        let (matcher, negated) = match matcher {
            Matcher::Not(inner) => (&**inner, true),
            other => (other, false),
        };
        if matches!(op, Op::Eq | Op::Ne | Op::In | Op::Intersects) {
            self.check_types(op, words)?;
        }
        let fits =
            self.schema.types.iter().filter(|(name, _)| matcher.matches_bytes(name.as_bytes()));
        let kinds = fits.map(|(_, kinds)| *kinds).fold(KindSet::EMPTY, KindSet::union);
        Some(if negated { kinds.complement() } else { kinds })
    }

    fn check_types(&mut self, op: Op, words: &[Word]) -> Option<()> {
        let types = self.schema.types;
        let mut all_known = true;
        for word in words {
            if !types.iter().any(|(name, _)| *name == word.text) {
                let message = format!("unknown event type `{}`", word.text);
                let help = did_you_mean(&word.text, types.iter().map(|(name, _)| *name));
                let problem = Problem::new(Code::UnknownEventType, message).maybe_help(help);
                self.reports.push(word.place, problem);
                all_known = false;
            }
        }
        let is_unobserved =
            |word: &&Word| types.iter().any(|(name, kinds)| *name == word.text && kinds.is_empty());
        let unobserved: Vec<&Word> = words.iter().filter(is_unobserved).collect();
        if let [first, ..] = *unobserved
            && op != Op::Ne
        {
            let names: Vec<String> = unobserved.iter().map(|w| format!("`{}`", w.text)).collect();
            let message = format!("events of type {} are not observed", names.join(", "));
            self.reports.push(first.place, Problem::new(Code::UnobservedEventType, message));
        }
        all_known.then_some(())
    }
}

fn leaf<E>(left: Term<E>, test: Test<E>, check: &Check, never: bool) -> Node<E> {
    Node::Leaf(Arc::new(Leaf { left, test, text: check.to_string().into(), never }))
}

/// Why a word is no right side, and where it is.
enum Wrong {
    Type,
    Pattern(String),
}

type Made = Result<Matcher, (Place, Wrong)>;

fn many(ty: Type, op: Op, modifier: Modifier, words: &[Word]) -> Made {
    let each: Result<Vec<Matcher>, _> =
        words.iter().map(|word| one(ty, op, std::slice::from_ref(word))).collect();
    let each = each?.into_boxed_slice();
    Ok(match modifier {
        Modifier::Any => Matcher::AnyOf(each),
        Modifier::All => Matcher::AllOf(each),
        Modifier::One => Matcher::OneOf(each),
    })
}

fn one(ty: Type, op: Op, words: &[Word]) -> Made {
    if op == Op::Ne {
        return one(ty, Op::Eq, words).map(|matcher| Matcher::Not(Box::new(matcher)));
    }
    match ty {
        Type::Bool => typed(words, parse_bool).map(Matcher::Bool),
        Type::Ip => {
            typed(words, Cidr::parse).map(|blocks| Matcher::Ip(Box::new(IpSet::new(&blocks))))
        }
        Type::Int => {
            let mut numbers = typed(words, parse_int)?;
            match (op, &*numbers) {
                (Op::In | Op::Intersects, _) => {
                    numbers.sort_unstable();
                    Ok(Matcher::IntIn(numbers))
                }
                (op, [number]) => Ok(Matcher::Int(op, *number)),
                (_, _) => Ok(Matcher::IntIn(numbers)),
            }
        }
        Type::Str => text(op, words),
    }
}

fn typed<T>(words: &[Word], parse: impl Fn(&str) -> Option<T>) -> Result<Box<[T]>, (Place, Wrong)> {
    words.iter().map(|word| parse(&word.text).ok_or((word.place, Wrong::Type))).collect()
}

fn parse_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn parse_int(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let number = match digits.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok()?,
        None => digits.parse::<i64>().ok()?,
    };
    Some(if negative { -number } else { number })
}

fn text(op: Op, words: &[Word]) -> Made {
    let bytes = |word: &Word| Box::<[u8]>::from(word.text.as_bytes());
    if op == Op::PMatch {
        let set = PathSet::new(words.iter().map(|word| word.text.as_str()));
        let place = words.first().map(|word| word.place);
        return match (set, place) {
            (Ok(set), _) => Ok(Matcher::Path(Box::new(set))),
            (Err(why), Some(place)) => Err((place, Wrong::Pattern(why))),
            (Err(_), None) => Ok(Matcher::AnyOf(Box::default())),
        };
    }
    let [word] = words else {
        return Ok(Matcher::Str(StrSet::new(words.iter().map(bytes))));
    };
    let pattern = |made: Result<regex::bytes::Regex, String>| match made {
        Ok(regex) => Ok(Matcher::Pattern(Box::new(regex))),
        Err(why) => Err((word.place, Wrong::Pattern(why))),
    };
    let finder = |needle: &[u8]| {
        Matcher::Contains(Box::new(memchr::memmem::Finder::new(needle).into_owned()))
    };
    match op {
        Op::Contains => Ok(finder(word.text.as_bytes())),
        Op::StartsWith => Ok(Matcher::StartsWith(bytes(word))),
        Op::EndsWith => Ok(Matcher::EndsWith(bytes(word))),
        Op::BContains => hex(word).map(|needle| finder(&needle)),
        Op::BStartsWith => hex(word).map(|prefix| Matcher::StartsWith(prefix.into())),
        Op::IContains => pattern(glob::find_ignoring_case(&word.text)),
        Op::Glob => pattern(glob::Glob::new(&word.text, false).map(glob::Glob::into_regex)),
        Op::IGlob => pattern(glob::Glob::new(&word.text, true).map(glob::Glob::into_regex)),
        Op::Regex => pattern(glob::full_match(&word.text, false)),
        _ => Ok(Matcher::Str(StrSet::new([bytes(word)]))),
    }
}

fn hex(word: &Word) -> Result<Vec<u8>, (Place, Wrong)> {
    let digits = word.text.as_bytes();
    let wrong = || (word.place, Wrong::Pattern("expected pairs of hexadecimal digits".to_owned()));
    if !digits.len().is_multiple_of(2) || digits.is_empty() {
        return Err(wrong());
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    digits
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect::<Option<Vec<u8>>>()
        .ok_or_else(wrong)
}
