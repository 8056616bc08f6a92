//! Selections: maps hold if all their fields do, lists if one of their members does.

use crate::schema::Schema;
use crate::yaml::{Content, Node, Scalar};

use super::modifiers::{Comparison, Modifiers};
use super::test::{self, Place};
use super::truth::Truth;
use super::{Category, Refusal, Source};

/// Where the names of fields are looked up.
pub(super) struct Fields<E: 'static> {
    pub(super) schema: &'static Schema<E>,
    pub(super) category: &'static Category,
}

impl<E> Fields<E> {
    /// The truth of a selection.
    pub(super) fn selection(&self, node: &Node) -> Result<Truth, Refusal> {
        match &node.content {
            Content::Scalar(scalar) => self.words(&[scalar], &Modifiers::parse([].into_iter())?),
            Content::Sequence(items) if items.is_empty() => Err("it is empty".to_owned()),
            Content::Sequence(items) => {
                // Words stand together, so that a field is searched once for all of them.
                if let Some(words) = scalars(node) {
                    return self.words(&words, &Modifiers::parse([].into_iter())?);
                }
                let each: Result<Vec<Truth>, _> =
                    items.iter().map(|item| self.member(item)).collect();
                each.map(Truth::any)
            }
            Content::Mapping(pairs) if pairs.is_empty() => Err("it is empty".to_owned()),
            Content::Mapping(pairs) => {
                let each: Result<Vec<Truth>, _> =
                    pairs.iter().map(|(key, node)| self.item(&key.name, node)).collect();
                each.map(Truth::all)
            }
        }
    }

    fn member(&self, node: &Node) -> Result<Truth, Refusal> {
        match node.content {
            Content::Sequence(_) => Err("a list stands in a list".to_owned()),
            Content::Scalar(_) | Content::Mapping(_) => self.selection(node),
        }
    }

    /// A field with its values.
    fn item(&self, key: &str, node: &Node) -> Result<Truth, Refusal> {
        let mut words = key.split('|');
        let name = words.next().unwrap_or_default();
        let shown = if name.is_empty() { key } else { name };
        let at = |reason: Refusal| format!("field `{shown}`: {reason}");
        let modifiers = Modifiers::parse(words).map_err(at)?;
        let values = scalars(node).ok_or_else(|| at(format!("{} stands in it", node.what())))?;
        if values.is_empty() {
            return Err(at("its list is empty".to_owned()));
        }
        if name.is_empty() {
            return self.words(&values, &modifiers).map_err(at);
        }
        let truth = match self.source(name).map_err(at)? {
            Source::Always(value) => constant(value, &values, &modifiers).map_err(at)?,
            Source::Field(field) if modifiers.field_ref => {
                self.references(field, &values, &modifiers).map_err(at)?
            }
            Source::Field(field) => {
                test::truth(self.place(field)?, &values, &modifiers).map_err(at)?
            }
            Source::Nowhere(reason) => return Err(at(reason.to_owned())),
        };
        Ok(if modifiers.negated { truth.not() } else { truth })
    }

    fn source(&self, name: &str) -> Result<Source, Refusal> {
        let found = self.category.fields.iter().find(|(known, _)| *known == name);
        let missing = || format!("events of `{}` have no such field here", self.category.name);
        found.map(|(_, source)| *source).ok_or_else(missing)
    }

    fn place(&self, field: &'static str) -> Result<Place, Refusal> {
        let found = self.schema.field(field);
        let missing = || format!("there is no field `{field}`");
        found.map(|known| Place { field, ty: known.ty }).ok_or_else(missing)
    }

    /// Words that name no field are searched for in all that are text.
    fn words(&self, values: &[&Scalar], modifiers: &Modifiers) -> Result<Truth, Refusal> {
        let mut modifiers = modifiers.clone();
        match modifiers.comparison {
            Comparison::Whole => modifiers.comparison = Comparison::Contains,
            Comparison::Contains | Comparison::Regex(_) => {}
            ref other => return Err(format!("{} needs a field", other.word())),
        }
        if modifiers.field_ref || modifiers.negated {
            return Err("its modifiers need a field".to_owned());
        }
        let anywhere = |values: &[&Scalar]| -> Result<Truth, Refusal> {
            let fields = self.category.searched.iter();
            let each = fields.map(|field| test::truth(self.place(field)?, values, &modifiers));
            each.collect::<Result<Vec<_>, _>>().map(Truth::any)
        };
        if !modifiers.all {
            return anywhere(values);
        }
        let each = values.iter().map(|value| anywhere(&[*value]));
        each.collect::<Result<Vec<_>, _>>().map(Truth::all)
    }

    /// A field that is compared with others.
    fn references(
        &self,
        field: &'static str,
        values: &[&Scalar],
        modifiers: &Modifiers,
    ) -> Result<Truth, Refusal> {
        let place = self.place(field)?;
        let each = values.iter().map(|value| match self.source(&value.value)? {
            Source::Field(other) => test::reference(place, self.place(other)?, modifiers),
            Source::Always(_) => Err(format!("`{}` is the same in all events", value.value)),
            Source::Nowhere(reason) => Err(reason.to_owned()),
        });
        let each = each.collect::<Result<Vec<_>, _>>()?;
        Ok(if modifiers.all { Truth::all(each) } else { Truth::any(each) })
    }
}

/// The scalar, or all of a list of them.
fn scalars(node: &Node) -> Option<Vec<&Scalar>> {
    match &node.content {
        Content::Scalar(scalar) => Some(vec![scalar]),
        Content::Sequence(items) => items
            .iter()
            .map(|item| match &item.content {
                Content::Scalar(scalar) => Some(scalar),
                Content::Sequence(_) | Content::Mapping(_) => None,
            })
            .collect(),
        Content::Mapping(_) => None,
    }
}

/// A field that has the same value in all events.
fn constant(value: &str, values: &[&Scalar], modifiers: &Modifiers) -> Result<Truth, Refusal> {
    if modifiers.comparison != Comparison::Whole || modifiers.field_ref {
        let word = modifiers.comparison.word();
        return Err(format!("it is always `{value}`, and cannot be compared by {word}"));
    }
    let same = |scalar: &&Scalar| match scalar.value.eq_ignore_ascii_case(value) {
        true => Truth::Always,
        false => Truth::Never,
    };
    let each = values.iter().map(same);
    Ok(if modifiers.all { Truth::all(each) } else { Truth::any(each) })
}
