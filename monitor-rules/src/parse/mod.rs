//! Condition text to syntax tree: recursive descent over characters, since what a word is depends
//! on where it stands (`in` is an operator behind a field and a value behind `=`).

use crate::ast::{Check, Expr, Function, Name, Op, Operand, Test};
use crate::cursor::Cursor;
use crate::diagnostic::{Code, Problem};
use crate::limits::{CONDITION_BYTES_MAX, CONDITION_DEPTH_MAX};
use crate::suggest::did_you_mean;
use crate::text::Span;

mod operand;

pub(crate) use operand::{is_bare, quoted_value};

/// Why a text is no condition, and where.
#[derive(Debug)]
pub(crate) struct SyntaxError {
    pub(crate) span: Span,
    pub(crate) problem: Problem,
}

type Parsed<T> = Result<T, SyntaxError>;

/// Parses a whole condition.
pub(crate) fn parse(text: &str) -> Parsed<Expr> {
    let mut parser = Parser { cursor: Cursor::new(text), depth: 0 };
    if text.len() > CONDITION_BYTES_MAX {
        return Err(parser.limit(format!("condition is longer than {CONDITION_BYTES_MAX} bytes")));
    }
    let expr = parser.or()?;
    parser.cursor.skip_blanks();
    if parser.cursor.at_end() {
        return Ok(expr);
    }
    let problem = match parser.cursor.peek() {
        Some(')') => Problem::new(Code::Syntax, "unmatched `)`"),
        _ => parser.expected("`and`, `or` or the end of the condition"),
    };
    Err(parser.fail_at_word(problem))
}

/// The words that cannot be macros.
const RESERVED: [&str; 4] = ["and", "or", "not", "exists"];

struct Parser<'t> {
    cursor: Cursor<'t>,
    depth: usize,
}

impl Parser<'_> {
    fn or(&mut self) -> Parsed<Expr> {
        let first = self.and()?;
        let mut terms = vec![first];
        while self.cursor.keyword("or") {
            terms.push(self.and()?);
        }
        Ok(one_or(terms, Expr::Or))
    }

    fn and(&mut self) -> Parsed<Expr> {
        let first = self.not()?;
        let mut terms = vec![first];
        while self.cursor.keyword("and") {
            terms.push(self.not()?);
        }
        Ok(one_or(terms, Expr::And))
    }

    fn not(&mut self) -> Parsed<Expr> {
        if !self.cursor.keyword("not") {
            return self.check();
        }
        self.deeper(|parser| Ok(Expr::Not(Box::new(parser.not()?))))
    }

    fn check(&mut self) -> Parsed<Expr> {
        self.cursor.skip_blanks();
        let start = self.cursor.position();
        if self.cursor.is_list_on_the_left() {
            let left = self.list().map(Operand::List)?;
            let test = self.test("(…)")?;
            return Ok(Expr::Check(Check { left, test, span: self.cursor.span_from(start) }));
        }
        if self.cursor.eat('(') {
            let inner = self.deeper(Self::or)?;
            self.cursor.skip_blanks();
            if self.cursor.eat(')') {
                return Ok(inner);
            }
            let problem = self.expected("`)`").help("this parenthesis is open");
            return Err(if self.cursor.at_end() {
                SyntaxError { span: Span::new(start, start + 1), problem }
            } else {
                self.fail_at_word(problem)
            });
        }
        let word = self.cursor.peek_name();
        if word.is_empty() || RESERVED.contains(&word) {
            let problem = self.expected("a field, a macro or `(`");
            return Err(self.fail_at_word(problem));
        }
        if word.contains('.') || self.cursor.is_call() {
            let left = self.left()?;
            let test = self.test(word)?;
            let span = self.cursor.span_from(start);
            return Ok(Expr::Check(Check { left, test, span }));
        }
        self.macro_name(word, start)
    }

    fn macro_name(&mut self, word: &str, start: usize) -> Parsed<Expr> {
        self.cursor.advance(word.len());
        let span = self.cursor.span_from(start);
        if self.cursor.peek_operator().is_some() || self.cursor.peek_word() == "exists" {
            let problem = Problem::new(Code::Syntax, format!("`{word}` is not a field"))
                .help("field names have a dot, as in `proc.name`; a macro stands alone");
            return Err(SyntaxError { span, problem });
        }
        Ok(Expr::Macro(Name { text: word.to_owned(), span }))
    }

    /// The operator and the right side, for the operand `of`.
    fn test(&mut self, of: &str) -> Parsed<Test> {
        if self.cursor.keyword("exists") {
            return Ok(Test::Exists);
        }
        self.cursor.skip_blanks();
        let start = self.cursor.position();
        let Some((op, len)) = self.cursor.peek_operator() else {
            return Err(self.no_operator(of));
        };
        self.cursor.advance(len);
        let op_span = self.cursor.span_from(start);
        let (modifier, right) = self.right(op)?;
        Ok(Test::Compare { op, op_span, modifier, right })
    }

    fn no_operator(&mut self, of: &str) -> SyntaxError {
        let word = self.cursor.peek_word();
        let known = Op::texts().chain(["exists"]);
        let help = if RESERVED.contains(&word) || word.is_empty() {
            Some(format!("compare it, as in `{of} = …`, or ask whether it is there: `{of} exists`"))
        } else {
            did_you_mean(word, known)
        };
        let problem = self.expected(&format!("an operator after `{of}`")).maybe_help(help);
        self.fail_at_word(problem)
    }

    /// Runs `parse` one level down; too deep is an error, since depth is stack.
    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= CONDITION_DEPTH_MAX {
            return Err(
                self.limit(format!("condition is nested deeper than {CONDITION_DEPTH_MAX} levels"))
            );
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    fn limit(&self, message: String) -> SyntaxError {
        let at = self.cursor.position();
        SyntaxError { span: Span::new(at, at + 1), problem: Problem::new(Code::Limit, message) }
    }

    fn expected(&mut self, what: &str) -> Problem {
        self.cursor.skip_blanks();
        let found = self.cursor.peek_word();
        let found = match self.cursor.peek() {
            None => "the end".to_owned(),
            Some(c) if found.is_empty() => format!("`{c}`"),
            Some(_) => format!("`{found}`"),
        };
        Problem::new(Code::Syntax, format!("expected {what}, found {found}"))
    }

    fn fail_at_word(&mut self, problem: Problem) -> SyntaxError {
        self.cursor.skip_blanks();
        let start = self.cursor.position();
        let len = self.cursor.peek_word().len().max(1);
        SyntaxError { span: Span::new(start, start + len), problem }
    }
}

fn one_or(mut terms: Vec<Expr>, many: fn(Vec<Expr>) -> Expr) -> Expr {
    match (terms.len(), terms.pop()) {
        (1, Some(only)) => only,
        (_, Some(last)) => {
            terms.push(last);
            many(terms)
        }
        (_, None) => many(terms),
    }
}

impl Cursor<'_> {
    /// Whether a transformer call stands here.
    fn is_call(&self) -> bool {
        let name = self.peek_name();
        !name.is_empty() && !RESERVED.contains(&name) && self.followed_by(name.len(), '(')
    }

    fn call_function(&self) -> Option<Function> {
        if self.is_call() { Function::from_text(self.peek_name()) } else { None }
    }
}
