//! The syntax tree of a condition. Pure data: no field is looked up here.

use crate::text::Span;

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expr {
    Or(Vec<Expr>),
    And(Vec<Expr>),
    Not(Box<Expr>),
    Macro(Name),
    Check(Check),
}

/// The name of a macro.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) left: Operand,
    pub(crate) test: Test,
    pub(crate) span: Span,
}

/// What is said of the left side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    Exists,
    Compare { op: Op, op_span: Span, modifier: Option<Modifier>, right: Operand },
}

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    Field(FieldRef),
    Call(Call),
    Literal(Literal),
    List(List),
}

impl Operand {
    pub(crate) fn span(&self) -> Span {
        match self {
            Self::Field(field) => field.span,
            Self::Call(call) => call.span,
            Self::Literal(literal) => literal.span,
            Self::List(list) => list.span,
        }
    }

    /// Whether no event has a say in its value.
    pub(crate) fn is_constant(&self) -> bool {
        match self {
            Self::Field(_) | Self::Call(_) => false,
            Self::Literal(_) => true,
            Self::List(list) => list.items.iter().all(Self::is_constant),
        }
    }
}

/// A field with its argument, if any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldRef {
    pub(crate) name: String,
    pub(crate) arg: Option<Literal>,
    pub(crate) span: Span,
}

/// A transformer applied to operands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) function: Function,
    pub(crate) args: Vec<Operand>,
    pub(crate) index: Option<Literal>,
    pub(crate) span: Span,
}

/// A value as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Literal {
    pub(crate) text: String,
    pub(crate) quoted: bool,
    pub(crate) span: Span,
}

/// Operands in parentheses. Only in a transformer is a member a field or another transformer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct List {
    pub(crate) items: Vec<Operand>,
    pub(crate) span: Span,
}

/// Declares an enum whose variants have a written form.
macro_rules! words {
    ($(#[doc = $doc:literal])+ $name:ident { $($variant:ident = $text:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $($variant,)+ }

        impl $name {
            /// Every written form, for suggestions.
            pub(crate) fn texts() -> impl Iterator<Item = &'static str> {
                [$($text,)+].into_iter()
            }

            pub(crate) fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            pub(crate) fn from_text(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

words! {
    /// The comparison operators, except `exists`.
    Op {
        Eq = "=",
        Ne = "!=",
        Lt = "<",
        Le = "<=",
        Gt = ">",
        Ge = ">=",
        Contains = "contains",
        IContains = "icontains",
        BContains = "bcontains",
        StartsWith = "startswith",
        BStartsWith = "bstartswith",
        EndsWith = "endswith",
        Glob = "glob",
        IGlob = "iglob",
        Regex = "regex",
        In = "in",
        Intersects = "intersects",
        PMatch = "pmatch",
    }
}

impl Op {
    /// Whether the right side is a list.
    pub(crate) fn takes_list(self) -> bool {
        matches!(self, Self::In | Self::Intersects | Self::PMatch)
    }

    /// Whether `oneof`, `anyof` and `allof` may follow.
    pub(crate) fn takes_modifier(self) -> bool {
        !self.takes_list() && !matches!(self, Self::Lt | Self::Le | Self::Gt | Self::Ge)
    }
}

words! {
    /// How many members of a list must fit a string operator.
    Modifier { One = "oneof", Any = "anyof", All = "allof", }
}

words! {
    /// The transformers; `val` only says that a field is meant where a value could stand.
    Function {
        ToLower = "tolower",
        ToUpper = "toupper",
        B64 = "b64",
        Basename = "basename",
        Len = "len",
        Join = "join",
        Concat = "concat",
        GetOpt = "getopt",
        Val = "val",
    }
}
