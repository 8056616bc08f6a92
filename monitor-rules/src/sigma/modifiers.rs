//! What stands behind a field, `|` before each: how its values are read, compared and joined.

use crate::ast::Op;

use super::Refusal;
use super::encoding::Encoding;

/// How a field is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// Its whole text.
    Whole,
    Contains,
    StartsWith,
    EndsWith,
    /// A regular expression, with the flags `i`, `m` and `s`.
    Regex(String),
    Cidr,
    Exists,
    /// Less or greater.
    Order(Op),
}

impl Comparison {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "contains" => Self::Contains,
            "startswith" => Self::StartsWith,
            "endswith" => Self::EndsWith,
            "re" => Self::Regex(String::new()),
            "cidr" => Self::Cidr,
            "exists" => Self::Exists,
            "lt" => Self::Order(Op::Lt),
            "lte" => Self::Order(Op::Le),
            "gt" => Self::Order(Op::Gt),
            "gte" => Self::Order(Op::Ge),
            _ => return None,
        })
    }

    /// The modifier that says so.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Whole => "no modifier",
            Self::Contains => "`contains`",
            Self::StartsWith => "`startswith`",
            Self::EndsWith => "`endswith`",
            Self::Regex(_) => "`re`",
            Self::Cidr => "`cidr`",
            Self::Exists => "`exists`",
            Self::Order(_) => "an order",
        }
    }
}

/// All modifiers of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Modifiers {
    pub(super) comparison: Comparison,
    /// All values must fit, not one of them.
    pub(super) all: bool,
    /// None may fit.
    pub(super) negated: bool,
    /// Upper and lower case differ.
    pub(super) cased: bool,
    /// The values are names of fields.
    pub(super) field_ref: bool,
    pub(super) windash: bool,
    pub(super) encodings: Vec<Encoding>,
}

impl Modifiers {
    /// Reads them in order.
    pub(super) fn parse<'m>(words: impl Iterator<Item = &'m str>) -> Result<Self, Refusal> {
        let mut modifiers = Self {
            comparison: Comparison::Whole,
            all: false,
            negated: false,
            cased: false,
            field_ref: false,
            windash: false,
            encodings: Vec::new(),
        };
        for word in words {
            modifiers.add(word)?;
        }
        modifiers.check()?;
        Ok(modifiers)
    }

    fn add(&mut self, word: &str) -> Result<(), Refusal> {
        if let Some(comparison) = Comparison::of(word) {
            if self.comparison != Comparison::Whole {
                return Err(format!("{} and `{word}` exclude each other", self.comparison.word()));
            }
            self.comparison = comparison;
            return Ok(());
        }
        match (word, &mut self.comparison) {
            ("all", _) => self.all = true,
            ("neq", _) => self.negated = true,
            ("cased", _) => self.cased = true,
            ("fieldref", _) => self.field_ref = true,
            ("windash", _) => self.windash = true,
            ("i" | "m" | "s", Comparison::Regex(flags)) => flags.push_str(word),
            ("base64", _) => return self.encode(Encoding::Base64),
            ("base64offset", _) => return self.encode(Encoding::Base64Offset),
            ("utf16le" | "wide", _) => return self.encode(Encoding::Utf16Le),
            ("utf16be", _) => return self.encode(Encoding::Utf16Be),
            ("utf16", _) => return self.encode(Encoding::Utf16),
            ("expand", _) => return Err("placeholders (`expand`) are not carried".to_owned()),
            _ => return Err(format!("modifier `{word}` is not carried")),
        }
        Ok(())
    }

    /// Wildcards of an earlier modifier would be encoded with the value.
    fn encode(&mut self, encoding: Encoding) -> Result<(), Refusal> {
        if self.comparison != Comparison::Whole {
            let word = self.comparison.word();
            return Err(format!("{word} stands before the encoding, which is to come first"));
        }
        self.encodings.push(encoding);
        Ok(())
    }

    /// What has no meaning together.
    fn check(&self) -> Result<(), Refusal> {
        let of_text = !self.encodings.is_empty() || self.windash;
        let text = matches!(
            self.comparison,
            Comparison::Whole
                | Comparison::Contains
                | Comparison::StartsWith
                | Comparison::EndsWith
        );
        if (of_text || self.field_ref) && !text || of_text && self.field_ref {
            return Err("its modifiers do not go together".to_owned());
        }
        Ok(())
    }
}
