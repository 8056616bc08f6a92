//! An object of JSON as MessagePack, written as it is read: of what goes to receivers nothing is
//! held as a tree.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// Heads of a map and an array whose length follows in four bytes: it is known at their end only.
const MAP: u8 = 0xdf;
const ARRAY: u8 = 0xdd;

/// Writes an object at the end of `bytes`. Returns those of the members that are texts, in the
/// order of their names here; None, and nothing is written, where it is no object.
pub(super) fn write<const N: usize>(
    json: &[u8],
    names: &[&str; N],
    bytes: &mut Vec<u8>,
) -> Option<[Option<String>; N]> {
    let begin = bytes.len();
    let mut found = [const { None }; N];
    let mut reader = serde_json::Deserializer::from_slice(json);
    let top = Top { bytes, names, found: &mut found };
    let read = reader.deserialize_map(top).and_then(|()| reader.end());
    if read.is_err() {
        bytes.truncate(begin);
    }
    read.is_ok().then_some(found)
}

/// The object itself.
struct Top<'a> {
    bytes: &'a mut Vec<u8>,
    names: &'a [&'a str],
    found: &'a mut [Option<String>],
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let head = Head::begin(MAP, self.bytes);
        let mut count = 0;
        while let Some(name) = members.next_key_seed(Name(self.bytes))? {
            let wanted = self.names.iter().position(|wanted| *wanted == name);
            let text =
                members.next_value_seed(Part { bytes: self.bytes, keeps: wanted.is_some() })?;
            if let Some(place) = wanted.and_then(|wanted| self.found.get_mut(wanted)) {
                *place = text;
            }
            count += 1;
        }
        head.end(count, self.bytes);
        Ok(())
    }
}

/// The name of a member.
struct Name<'a>(&'a mut Vec<u8>);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = std::borrow::Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name<'_> {
    type Value = std::borrow::Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, name: &'de str) -> Result<Self::Value, E> {
        text(name, self.0)?;
        Ok(name.into())
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        text(name, self.0)?;
        Ok(name.to_owned().into())
    }
}

/// A value; where it is a text, that may be kept.
struct Part<'a> {
    bytes: &'a mut Vec<u8>,
    keeps: bool,
}

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = Option<String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        told(rmp::encode::write_nil(self.bytes)).map(|()| None)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Self::Value, E> {
        told(rmp::encode::write_bool(self.bytes, value)).map(|()| None)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Self::Value, E> {
        told(rmp::encode::write_uint(self.bytes, value)).map(|_| None)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Self::Value, E> {
        told(rmp::encode::write_sint(self.bytes, value)).map(|_| None)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Self::Value, E> {
        told(rmp::encode::write_f64(self.bytes, value)).map(|()| None)
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Self::Value, E> {
        text(value, self.bytes)?;
        Ok(self.keeps.then(|| value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let head = Head::begin(ARRAY, self.bytes);
        let mut count = 0;
        while items.next_element_seed(Part { bytes: self.bytes, keeps: false })?.is_some() {
            count += 1;
        }
        head.end(count, self.bytes);
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
        let top = Top { bytes: self.bytes, names: &[], found: &mut [] };
        top.visit_map(members).map(|()| None)
    }
}

fn text<E: serde::de::Error>(text: &str, bytes: &mut Vec<u8>) -> Result<(), E> {
    told(rmp::encode::write_str(bytes, text))
}

fn told<T, W: fmt::Display, E: serde::de::Error>(written: Result<T, W>) -> Result<T, E> {
    written.map_err(E::custom)
}

/// The head of a map or an array, whose length is put in later.
struct Head(usize);

impl Head {
    fn begin(sort: u8, bytes: &mut Vec<u8>) -> Self {
        bytes.push(sort);
        bytes.extend([0; 4]);
        Self(bytes.len())
    }

    fn end(self, count: u32, bytes: &mut [u8]) {
        let length = bytes.iter_mut().skip(self.0 - 4);
        length.zip(count.to_be_bytes()).for_each(|(place, byte)| *place = byte);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_is_written_is_what_was_read() {
        let document = json!({
            "time": "t\"\n\u{1f600}", "n": [0, -1, 300, u64::MAX, 1.5, true, null, [], {}],
            "below": { "time": "other", "": { "x": "y" } },
        });
        let mut bytes = vec![7];
        let found = write(document.to_string().as_bytes(), &["none", "time"], &mut bytes);
        assert_eq!(found, Some([None, document["time"].as_str().map(str::to_owned)]));
        let read: Value = rmp_serde::from_slice(&bytes[1..]).unwrap();
        assert_eq!(read, document);
    }

    #[test]
    fn what_is_no_object_leaves_nothing() {
        for text in ["", "[]", "1", "a line", "{\"a\":1", "{\"a\":1} x", "{\"a\":[1,}"] {
            let mut bytes = vec![7];
            assert_eq!(write(text.as_bytes(), &["a"], &mut bytes), None, "{text}");
            assert_eq!(bytes, [7]);
        }
    }
}
