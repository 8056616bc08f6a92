//! Fields and transformers of a condition.

use crate::ast::{Call, FieldRef, Function, List, Literal, Operand};
use crate::diagnostic::{Code, Problem};
use crate::getopt::Options;
use crate::schema::{Arg, ArgRule, Field, Key, Schema, Type};
use crate::suggest::did_you_mean;
use crate::term::Term;
use crate::text::{Span, Text};
use crate::value::Value;

use super::Compiler;
use super::literals::Word;

impl<E> Compiler<'_, E> {
    /// A field or a transformer, or, inside a transformer, a constant.
    pub(super) fn term(&mut self, operand: &Operand, text: &Text) -> Option<Term<E>> {
        match operand {
            Operand::Field(field) => self.field(field, text),
            Operand::Call(call) => self.call(call, text),
            Operand::List(list) if !operand.is_constant() => self.terms(list, text),
            Operand::Literal(_) | Operand::List(_) => self.words(operand, text).map(values),
        }
    }

    /// A list that has fields or transformers among its members.
    fn terms(&mut self, list: &List, text: &Text) -> Option<Term<E>> {
        let member = |item: &Operand| match item {
            Operand::Literal(literal) => self.member(literal, text).map(values),
            other => self.term(other, text),
        };
        let members: Vec<Option<Term<E>>> = list.items.iter().map(member).collect();
        members.into_iter().collect::<Option<_>>().map(Term::List)
    }

    fn field(&mut self, reference: &FieldRef, text: &Text) -> Option<Term<E>> {
        match look_up(self.schema, &reference.name, reference.arg.as_ref()) {
            Ok((field, arg)) => {
                if let Some(problem) = self.seen_less(field, reference) {
                    self.report(text, reference.span, problem);
                }
                Some(Term::Field { field, arg })
            }
            Err((at_arg, problem)) => {
                let arg_span = reference.arg.as_ref().map(|arg| arg.span);
                let span = if at_arg { arg_span.unwrap_or(reference.span) } else { reference.span };
                self.report(text, span, problem);
                None
            }
        }
    }

    /// What a field leaves unseen that a rule may be about.
    fn seen_less(&self, field: &Field<E>, reference: &FieldRef) -> Option<Problem> {
        let name = field.name;
        if field.kinds.is_empty() {
            let message =
                format!("no event has `{reference}`: what is compared with it never holds");
            let why = Some(field.doc.to_owned()).filter(|doc| !doc.is_empty());
            return Some(Problem::new(Code::UnobservedField, message).maybe_help(why));
        }
        let (_, left_out) = self.schema.partly.iter().find(|(partly, _)| *partly == name)?;
        let message = format!("`{name}` tells only a part: {left_out}");
        Some(Problem::new(Code::PartlyObserved, message))
    }

    fn call(&mut self, call: &Call, text: &Text) -> Option<Term<E>> {
        let name = call.function.text();
        let (least, most) = match call.function {
            Function::Concat | Function::Join => (2, usize::MAX),
            Function::GetOpt => return self.getopt(call, text),
            _ => (1, 1),
        };
        if let Some(index) = &call.index {
            let message = format!("`{name}(…)` takes no argument in brackets");
            let problem = Problem::new(Code::Unsupported, message)
                .help("`getopt(…)[t]` does, and fields such as `proc.aname[2]`");
            self.report(text, index.span, problem);
            return None;
        }
        if !(least..=most).contains(&call.args.len()) {
            let wanted = if most == 1 { "one operand" } else { "at least two operands" };
            let message = format!("`{name}` takes {wanted}, found {}", call.args.len());
            self.report(text, call.span, Problem::new(Code::Syntax, message));
            return None;
        }
        let args: Option<Vec<Term<E>>> =
            call.args.iter().map(|arg| self.call_arg(call.function, arg, text)).collect();
        Some(Term::Call { function: call.function, args: args? })
    }

    /// `getopt(arguments, "options")`, with `[option]` behind it or not.
    fn getopt(&mut self, call: &Call, text: &Text) -> Option<Term<E>> {
        let [args, options] = call.args.as_slice() else {
            let message = format!("`getopt` takes two operands, found {}", call.args.len());
            let problem = Problem::new(Code::Syntax, message)
                .help("write arguments and options, as in `getopt(proc.args, \"nt:\")`");
            self.report(text, call.span, problem);
            return None;
        };
        let args = self.arguments(args, text);
        let Operand::Literal(written) = options else {
            let problem = Problem::new(Code::Syntax, "the options of `getopt` are a constant")
                .help("write them as getopt(3) has them, as in \"nt:\"");
            self.report(text, options.span(), problem);
            return None;
        };
        let options = match Options::parse(&written.text) {
            Ok(options) => options,
            Err((why, cure)) => {
                let message = format!("not the options of a `getopt`: {why}");
                let problem = Problem::new(Code::BadValue, message).help(cure);
                self.report(text, written.span, problem);
                return None;
            }
        };
        let only = match &call.index {
            None => None,
            Some(index) => match options.with_argument(&index.text) {
                Ok(option) => Some(option),
                Err((why, cure)) => {
                    let problem = Problem::new(Code::BadValue, why).help(cure);
                    self.report(text, index.span, problem);
                    return None;
                }
            },
        };
        Some(Term::GetOpt { args: Box::new(args?), options, only })
    }

    /// What `getopt` reads: several texts, each of which is one argument.
    fn arguments(&mut self, operand: &Operand, text: &Text) -> Option<Term<E>> {
        let term = self.term(operand, text)?;
        let members = self.schema.members;
        if let Term::Field { field, arg: Arg::None } = &term
            && let Some((_, get)) = members.iter().find(|(name, _)| *name == field.name)
        {
            return Some(Term::Members { field, get: *get });
        }
        let several =
            term.is_set() || term.is_any() || matches!(term, Term::List(_) | Term::Values(_));
        if several && term.ty() == Type::Str {
            return Some(term);
        }
        let message = format!("`getopt` takes a list of arguments, `{operand}` is none");
        let names: Vec<String> = members.iter().map(|(name, _)| format!("`{name}`")).collect();
        let cure = match names.as_slice() {
            [] => "name a field with several values".to_owned(),
            names => format!("name {}", names.join(" or ")),
        };
        self.report(text, operand.span(), Problem::new(Code::TypeMismatch, message).help(cure));
        None
    }

    fn call_arg(&mut self, function: Function, arg: &Operand, text: &Text) -> Option<Term<E>> {
        if function == Function::Val && !matches!(arg, Operand::Field(_) | Operand::Call(_)) {
            let problem = Problem::new(Code::Syntax, "`val` takes a field")
                .help("write a constant as it is, without `val`");
            self.report(text, arg.span(), problem);
            return None;
        }
        let term = self.term(arg, text)?;
        let wants_text = matches!(
            function,
            Function::ToLower | Function::ToUpper | Function::B64 | Function::Basename
        );
        if wants_text && term.ty() != Type::Str {
            let message =
                format!("`{}` takes a string, `{arg}` is {}", function.text(), term.ty().a_name());
            self.report(text, arg.span(), Problem::new(Code::TypeMismatch, message));
            return None;
        }
        Some(term)
    }

    /// The span of a whole operand, for reports about its type.
    pub(super) fn span_of(operand: &Operand) -> Span {
        operand.span()
    }
}

fn values<E>(words: Vec<Word>) -> Term<E> {
    Term::Values(words.into_iter().map(|word| Value::owned(word.text)).collect())
}

/// Finds a field and fits its argument to its rule. The error says whether the argument is at
/// fault.
pub(crate) fn look_up<E: ?Sized>(
    schema: &'static Schema<E>,
    name: &str,
    arg: Option<&Literal>,
) -> Result<(&'static Field<E>, Arg), (bool, Problem)> {
    let (field, behind_dot) = if let Some(field) = arg.and_then(|arg| dotted(schema, name, arg)) {
        return Ok((field, Arg::None));
    } else if let Some(field) = schema.field(name) {
        (field, None)
    } else if let Some((field, behind)) = undotted(schema, name) {
        (field, Some(behind))
    } else {
        let problem = Problem::new(Code::UnknownField, format!("unknown field `{name}`"));
        let known = schema.fields.iter().map(|field| field.name);
        return Err((false, problem.maybe_help(did_you_mean(name, known))));
    };
    if behind_dot.is_some() && arg.is_some() {
        let message = format!("`{name}` takes no argument");
        return Err((true, Problem::new(Code::FieldArgument, message)));
    }
    let fitted = fit_arg(field.name, field.arg, behind_dot.as_ref().or(arg));
    Ok((field, fitted.map_err(|problem| (arg.is_some(), problem))?))
}

/// The field `evt.arg.fd` for `evt.arg[fd]`, if there is one.
fn dotted<E: ?Sized>(
    schema: &'static Schema<E>,
    name: &str,
    arg: &Literal,
) -> Option<&'static Field<E>> {
    schema.dotted.contains(&name).then(|| schema.field(&format!("{name}.{}", arg.text)))?
}

/// The field and the argument of `evt.arg.fd` where no field is named so.
fn undotted<E: ?Sized>(
    schema: &'static Schema<E>,
    name: &str,
) -> Option<(&'static Field<E>, Literal)> {
    schema.dotted.iter().find_map(|dotted| {
        let text = name.strip_prefix(dotted)?.strip_prefix('.')?.to_owned();
        Some((schema.field(dotted)?, Literal { text, quoted: false, span: Span::default() }))
    })
}

fn fit_arg(name: &str, rule: ArgRule, arg: Option<&Literal>) -> Result<Arg, Problem> {
    let wrong = |message: String| Problem::new(Code::FieldArgument, message);
    match (rule, arg) {
        (ArgRule::None | ArgRule::OptionalIndex | ArgRule::OptionalKey, None) => Ok(Arg::None),
        (ArgRule::None, Some(_)) => Err(wrong(format!("`{name}` takes no argument"))),
        (ArgRule::Index, None) => {
            Err(wrong(format!("`{name}` needs a number")).help(format!("write `{name}[1]`")))
        }
        (ArgRule::Key, None) => {
            Err(wrong(format!("`{name}` needs an argument")).help(format!("write `{name}[…]`")))
        }
        (ArgRule::Index | ArgRule::OptionalIndex, Some(arg)) => {
            arg.text.trim().parse().map(Arg::Index).map_err(|_| {
                wrong(format!("the argument of `{name}` is a number, found `{}`", arg.text))
            })
        }
        (ArgRule::Key | ArgRule::OptionalKey, Some(arg)) if arg.text.is_empty() => {
            Err(wrong(format!("the argument of `{name}` is empty")))
        }
        (ArgRule::Key | ArgRule::OptionalKey, Some(arg)) => {
            Key::new(&arg.text).map(Arg::Key).map_err(|why| wrong(format!("not a glob: {why}")))
        }
    }
}
