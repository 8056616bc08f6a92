//! Addresses compared with addresses, networks, and what beginnings of their texts stand for.

use std::net::{IpAddr, Ipv4Addr};

use crate::ast::{Op, Operand};
use crate::cidr::Cidr;
use crate::yaml::Scalar;

use super::Refusal;
use super::modifiers::{Comparison, Modifiers};
use super::pattern::{Part, Pattern};
use super::test::{Place, encoded};
use super::truth::{Truth, bare, check, check_list, exists, field};

pub(super) fn truth(
    place: Place,
    values: &[&Scalar],
    modifiers: &Modifiers,
) -> Result<Truth, Refusal> {
    let name = place.field;
    let mut blocks = Vec::new();
    for value in values {
        match block(&value.value, modifiers)? {
            Some(block) => blocks.push(block),
            None if modifiers.all => {}
            None => return Ok(exists(name)),
        }
    }
    if blocks.is_empty() {
        return Ok(exists(name));
    }
    let mut items: Vec<Operand> = blocks.iter().map(|block| bare(block)).collect();
    if modifiers.all || items.len() == 1 {
        return Ok(Truth::all(items.drain(..).map(|item| check(field(name), Op::Eq, item))));
    }
    Ok(check_list(field(name), Op::In, None, items))
}

/// The address or network that a value stands for; `None` for all of them.
fn block(text: &str, modifiers: &Modifiers) -> Result<Option<String>, Refusal> {
    let wrong = || format!("`{text}` is no address");
    if encoded(modifiers) {
        return Err("its modifiers do not go with an address".to_owned());
    }
    match &modifiers.comparison {
        Comparison::Cidr => {
            let known = Cidr::parse(text).map(|_| Some(text.to_owned()));
            known.ok_or_else(|| format!("`{text}` is no network"))
        }
        Comparison::Whole | Comparison::StartsWith => {
            let mut pattern = Pattern::parse(text);
            if modifiers.comparison == Comparison::StartsWith {
                pattern.push_any();
            }
            match pattern.0.as_slice() {
                [Part::Any] => Ok(None),
                [Part::Text(start), Part::Any] => network(start).map(Some),
                [Part::Text(text)] => {
                    let ip = text.parse::<IpAddr>().map_err(|_error| wrong())?;
                    Ok(Some(ip.to_canonical().to_string()))
                }
                _ => Err(wrong()),
            }
        }
        other => Err(format!("{} does not go with an address", other.word())),
    }
}

/// The network of which every address, and no other, begins so: `10.` and `192.168.`, `fe80:`.
fn network(start: &str) -> Result<String, Refusal> {
    let wrong = || format!("addresses that begin with `{start}` are no network");
    if let Some(group) = start.strip_suffix(':') {
        let first = u16::from_str_radix(group, 16).map_err(|_error| wrong())?;
        // As it is written: without zeroes in front, in lower case.
        return match group == format!("{first:x}") && first != 0 {
            true => Ok(format!("{first:x}::/16")),
            false => Err(wrong()),
        };
    }
    let numbers = start.strip_suffix('.').ok_or_else(wrong)?.split('.');
    let numbers = numbers.map(|number| match number.parse::<u8>() {
        Ok(value) if value.to_string() == number => Ok(value),
        _ => Err(wrong()),
    });
    let numbers = numbers.collect::<Result<Vec<u8>, _>>()?;
    let (base, bits) = match numbers.as_slice() {
        [a] => ([*a, 0, 0, 0], 8),
        [a, b] => ([*a, *b, 0, 0], 16),
        [a, b, c] => ([*a, *b, *c, 0], 24),
        _ => return Err(wrong()),
    };
    Ok(format!("{}/{bits}", Ipv4Addr::from(base)))
}
