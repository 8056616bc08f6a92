//! What a part of a detection comes to: a condition, or a truth that hangs on no event.

use crate::ast::{
    Call, Check, Expr, FieldRef, Function, List, Literal, Modifier, Op, Operand, Test,
};
use crate::text::Span;

#[derive(Clone, Debug)]
pub(super) enum Truth {
    Always,
    Never,
    If(Expr),
}

impl Truth {
    /// Holds if one holds.
    pub(super) fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut terms = Vec::new();
        for part in parts {
            match part {
                Self::Always => return Self::Always,
                Self::Never => {}
                Self::If(Expr::Or(inner)) => terms.extend(inner),
                Self::If(expr) => terms.push(expr),
            }
        }
        Self::joined(terms, Expr::Or, Self::Never)
    }

    /// Holds if all hold.
    pub(super) fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut terms = Vec::new();
        for part in parts {
            match part {
                Self::Never => return Self::Never,
                Self::Always => {}
                Self::If(Expr::And(inner)) => terms.extend(inner),
                Self::If(expr) => terms.push(expr),
            }
        }
        Self::joined(terms, Expr::And, Self::Always)
    }

    fn joined(mut terms: Vec<Expr>, join: fn(Vec<Expr>) -> Expr, none: Self) -> Self {
        match terms.len() {
            0 => none,
            1 => terms.pop().map_or(none, Self::If),
            _ => Self::If(join(terms)),
        }
    }

    /// Holds if it does not.
    pub(super) fn not(self) -> Self {
        match self {
            Self::Always => Self::Never,
            Self::Never => Self::Always,
            Self::If(Expr::Not(inner)) => Self::If(*inner),
            Self::If(expr) => Self::If(Expr::Not(Box::new(expr))),
        }
    }

    /// How many checks and connectives it has.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Always | Self::Never => 1,
            Self::If(expr) => size(expr),
        }
    }
}

fn size(expr: &Expr) -> usize {
    match expr {
        Expr::Or(terms) | Expr::And(terms) => terms.iter().map(size).sum::<usize>() + 1,
        Expr::Not(inner) => size(inner) + 1,
        Expr::Macro(_) | Expr::Check(_) => 1,
    }
}

/// A field.
pub(super) fn field(name: &str) -> Operand {
    Operand::Field(FieldRef { name: name.to_owned(), arg: None, span: Span::default() })
}

/// A transformed operand.
pub(super) fn call(function: Function, operand: Operand) -> Operand {
    Operand::Call(Call { function, args: vec![operand], index: None, span: Span::default() })
}

/// A text, always in quotes: without them it might be the name of a list.
pub(super) fn quoted(text: &str) -> Operand {
    Operand::Literal(Literal { text: text.to_owned(), quoted: true, span: Span::default() })
}

/// A number or an address.
pub(super) fn bare(text: &str) -> Operand {
    Operand::Literal(Literal { text: text.to_owned(), quoted: false, span: Span::default() })
}

/// A comparison with one value.
pub(super) fn check(left: Operand, op: Op, right: Operand) -> Truth {
    checked(left, Test::Compare { op, op_span: Span::default(), modifier: None, right })
}

/// A comparison with several values, of which any must fit, or all.
pub(super) fn check_list(
    left: Operand,
    op: Op,
    modifier: Option<Modifier>,
    items: Vec<Operand>,
) -> Truth {
    let right = Operand::List(List { items, span: Span::default() });
    checked(left, Test::Compare { op, op_span: Span::default(), modifier, right })
}

/// Whether a field has a value.
pub(super) fn exists(name: &str) -> Truth {
    checked(field(name), Test::Exists)
}

fn checked(left: Operand, test: Test) -> Truth {
    Truth::If(Expr::Check(Check { left, test, span: Span::default() }))
}
