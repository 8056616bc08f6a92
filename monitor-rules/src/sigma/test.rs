//! One field compared with values, by the type of the field.

use crate::ast::{Function, Op};
use crate::schema::Type;
use crate::yaml::Scalar;

use super::document::is_null;
use super::encoding;
use super::modifiers::{Comparison, Modifiers};
use super::pattern::Pattern;
use super::truth::{Truth, bare, call, check, check_list, exists, field};
use super::{Refusal, address, strings};

/// A field here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) field: &'static str,
    pub(super) ty: Type,
}

/// Whether the values fit, before `neq`.
pub(super) fn truth(
    place: Place,
    values: &[&Scalar],
    modifiers: &Modifiers,
) -> Result<Truth, Refusal> {
    if modifiers.comparison == Comparison::Exists {
        return presence(place, values);
    }
    let (nulls, values): (Vec<&Scalar>, Vec<&Scalar>) =
        values.iter().partition(|value| is_null(value));
    let mut parts = Vec::new();
    if !nulls.is_empty() {
        if modifiers.comparison != Comparison::Whole {
            return Err(format!("null cannot be compared by {}", modifiers.comparison.word()));
        }
        parts.push(exists(place.field).not());
    }
    if !values.is_empty() {
        parts.push(match place.ty {
            Type::Str => text(place, &values, modifiers)?,
            Type::Int => number(place, &values, modifiers)?,
            Type::Ip => address::truth(place, &values, modifiers)?,
            Type::Bool => return Err(format!("`{}` is yes or no", place.field)),
        });
    }
    Ok(if modifiers.all { Truth::all(parts) } else { Truth::any(parts) })
}

fn presence(place: Place, values: &[&Scalar]) -> Result<Truth, Refusal> {
    match values {
        [value] if value.value.eq_ignore_ascii_case("true") => Ok(exists(place.field)),
        [value] if value.value.eq_ignore_ascii_case("false") => Ok(exists(place.field).not()),
        _ => Err("`exists` takes `true` or `false`".to_owned()),
    }
}

fn text(place: Place, values: &[&Scalar], modifiers: &Modifiers) -> Result<Truth, Refusal> {
    let name = place.field;
    let around: fn(Pattern) -> Pattern = match &modifiers.comparison {
        Comparison::Whole => |pattern| pattern,
        Comparison::Contains => |pattern| pattern.after_any().before_any(),
        Comparison::StartsWith => Pattern::before_any,
        Comparison::EndsWith => Pattern::after_any,
        Comparison::Regex(flags) => {
            let each = values.iter().map(|value| strings::regex(name, &value.value, flags));
            let each = each.collect::<Result<Vec<_>, _>>()?;
            return Ok(if modifiers.all { Truth::all(each) } else { Truth::any(each) });
        }
        other @ (Comparison::Cidr | Comparison::Exists | Comparison::Order(_)) => {
            return Err(format!("{} does not go with `{name}`, which is a text", other.word()));
        }
    };
    let ways = |value: &&Scalar| -> Result<Vec<Pattern>, Refusal> {
        let pattern = Pattern::parse(&value.value);
        let ways = match modifiers.windash {
            true => encoding::windash(&pattern)?,
            false => vec![pattern],
        };
        let each = ways.iter().map(|way| encoding::encode(way, &modifiers.encodings));
        let each = each.collect::<Result<Vec<_>, _>>()?;
        Ok(each.into_iter().flatten().map(around).collect())
    };
    let each = values.iter().map(ways).collect::<Result<Vec<_>, _>>()?;
    let several = each.iter().any(|ways| ways.len() > 1);
    if modifiers.all && several {
        let each = each.into_iter().map(|ways| strings::any(name, &ways, modifiers.cased));
        return Ok(Truth::all(each));
    }
    let values: Vec<Pattern> = each.into_iter().flatten().collect();
    Ok(match modifiers.all {
        true => strings::all(name, &values, modifiers.cased),
        false => strings::any(name, &values, modifiers.cased),
    })
}

fn number(place: Place, values: &[&Scalar], modifiers: &Modifiers) -> Result<Truth, Refusal> {
    let name = place.field;
    let read = |value: &&Scalar| match value.value.parse::<i64>() {
        Ok(number) => Ok(bare(&number.to_string())),
        Err(_) => Err(format!("`{}` is not a whole number, as `{name}` is", value.value)),
    };
    let mut numbers = values.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let op = match &modifiers.comparison {
        Comparison::Whole if encoded(modifiers) => None,
        Comparison::Whole if numbers.len() > 1 && !modifiers.all => {
            return Ok(check_list(field(name), Op::In, None, numbers));
        }
        Comparison::Whole => Some(Op::Eq),
        Comparison::Order(op) => Some(*op),
        _ => None,
    };
    let Some(op) = op else {
        return Err(format!("its modifiers do not go with `{name}`, which is a number"));
    };
    let each = numbers.drain(..).map(|number| check(field(name), op, number));
    Ok(if modifiers.all { Truth::all(each) } else { Truth::any(each) })
}

/// Whether the values are to be changed before they are compared.
pub(super) fn encoded(modifiers: &Modifiers) -> bool {
    modifiers.windash || !modifiers.encodings.is_empty()
}

/// A field compared with another.
pub(super) fn reference(
    place: Place,
    other: Place,
    modifiers: &Modifiers,
) -> Result<Truth, Refusal> {
    if place.ty != other.ty {
        let (one, two) = (place.ty.a_name(), other.ty.a_name());
        return Err(format!("`{}` is {one}, `{}` is {two}", place.field, other.field));
    }
    let op = match (&modifiers.comparison, place.ty) {
        (Comparison::Whole, _) => Op::Eq,
        (Comparison::Contains, Type::Str) => Op::Contains,
        (Comparison::StartsWith, Type::Str) => Op::StartsWith,
        (Comparison::EndsWith, Type::Str) => Op::EndsWith,
        (other, _) => return Err(format!("{} does not go with `fieldref`", other.word())),
    };
    let function = match place.ty {
        Type::Str if !modifiers.cased => Function::ToLower,
        _ => Function::Val,
    };
    let left = match function {
        Function::ToLower => call(function, field(place.field)),
        _ => field(place.field),
    };
    Ok(check(left, op, call(function, field(other.field))))
}
