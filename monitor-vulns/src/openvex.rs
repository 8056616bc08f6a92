//! OpenVEX: what its makers say of a vulnerability in a product, and why.

use serde::Deserialize;

use crate::{limits::RECORD_PARTS, model::short, purl::Purl};

#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "@context")]
    context: Option<String>,
    author: Option<String>,
    timestamp: Option<String>,
    statements: Vec<RawStatement>,
}

#[derive(Deserialize)]
struct RawStatement {
    vulnerability: RawVulnerability,
    timestamp: Option<String>,
    #[serde(default)]
    products: Vec<RawProduct>,
    status: String,
    justification: Option<String>,
    impact_statement: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawVulnerability {
    Id(String),
    Named {
        name: Option<String>,
        #[serde(rename = "@id")]
        id: Option<String>,
        aliases: Option<Vec<String>>,
    },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawProduct {
    Id(String),
    Named {
        #[serde(rename = "@id")]
        id: Option<String>,
        identifiers: Option<RawIdentifiers>,
        #[serde(default)]
        subcomponents: Vec<RawProduct>,
    },
}

#[derive(Deserialize)]
struct RawIdentifiers {
    purl: Option<String>,
}

/// A statement about one product.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Statement {
    /// When it was made; a later one counts before an earlier one.
    pub timestamp: String,
    /// Ids of the vulnerability.
    pub ids: Vec<String>,
    /// The product, as a package URL.
    pub product: String,
    /// What in it is meant, as a package URL; empty: the product itself.
    pub component: String,
    /// Whether it says that the vulnerability does no harm there: it is not affected, or fixed.
    pub is_harmless: bool,
    /// Why, as people are told.
    pub reason: String,
}

impl Statement {
    /// Whether it is about a package, in a product such as an image, of which both are known by
    /// some package URLs.
    #[must_use]
    pub fn is_about(&self, packages: &[Purl], products: &[Purl]) -> bool {
        let covers = |text: &str, any: &[Purl]| {
            Purl::parse(text).is_some_and(|meant| any.iter().any(|purl| meant.covers(purl)))
        };
        if self.component.is_empty() {
            covers(&self.product, packages) || covers(&self.product, products)
        } else {
            covers(&self.component, packages) && covers(&self.product, products)
        }
    }
}

/// What a document says.
#[derive(Debug, Default)]
pub struct Read {
    /// When it was made, as it says.
    pub date: String,
    /// What it states.
    pub statements: Vec<Statement>,
    /// Statements about what is named by no package URL.
    pub unnamed: u64,
}

/// Reads a document.
///
/// # Errors
///
/// If it is no document of OpenVEX; with the reason.
pub fn read(text: &[u8]) -> Result<Read, String> {
    let raw: Raw = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if !raw.context.as_deref().is_some_and(|context| context.contains("openvex")) {
        return Err("it is no OpenVEX: its `@context` names another form".to_owned());
    }
    let date = raw.timestamp.unwrap_or_default();
    let author = raw.author.unwrap_or_default();
    let mut read = Read { date: date.clone(), ..Read::default() };
    for raw in raw.statements {
        let reason = reason(&raw, &author);
        let is_harmless = match raw.status.as_str() {
            "not_affected" | "fixed" => true,
            "affected" | "under_investigation" => false,
            other => return Err(format!("`{other}` is no status")),
        };
        let statement = Statement {
            timestamp: short(&raw.timestamp.unwrap_or_else(|| date.clone())),
            ids: ids(raw.vulnerability),
            is_harmless,
            reason,
            ..Statement::default()
        };
        for (product, component) in raw.products.into_iter().flat_map(products) {
            match (Purl::parse(&product), component.as_deref().map(Purl::parse)) {
                (Some(_), None | Some(Some(_))) if read.statements.len() < RECORD_PARTS => {
                    let component = component.unwrap_or_default();
                    read.statements.push(Statement { product, component, ..statement.clone() });
                }
                _ => read.unnamed += 1,
            }
        }
    }
    Ok(read)
}

fn reason(raw: &RawStatement, author: &str) -> String {
    let why = raw.justification.as_deref().unwrap_or_default();
    let said = raw.impact_statement.as_deref().unwrap_or_default();
    let parts = [raw.status.as_str(), why, said];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let by = if author.is_empty() { String::new() } else { format!(" (by {author})") };
    short(&(parts.join(": ") + &by))
}

fn ids(raw: RawVulnerability) -> Vec<String> {
    let mut ids: Vec<String> = match raw {
        RawVulnerability::Id(id) => vec![id],
        RawVulnerability::Named { name, id, aliases } => {
            // The id may be the address of a page about it.
            let id = id.map(|id| id.rsplit('/').next().unwrap_or_default().to_owned());
            name.into_iter().chain(id).chain(aliases.unwrap_or_default()).collect()
        }
    };
    ids.iter_mut().for_each(|id| *id = short(id));
    ids.sort();
    ids.dedup();
    ids.truncate(100);
    ids
}

/// The products of an entry, each with a component of it that is meant.
fn products(raw: RawProduct) -> Vec<(String, Option<String>)> {
    let RawProduct::Named { subcomponents, .. } = &raw else {
        return vec![(name(&raw), None)];
    };
    let product = name(&raw);
    match subcomponents.as_slice() {
        [] => vec![(product, None)],
        some => some.iter().map(|it| (product.clone(), Some(name(it)))).collect(),
    }
}

fn name(raw: &RawProduct) -> String {
    match raw {
        RawProduct::Id(id) => id.clone(),
        RawProduct::Named { id, identifiers, .. } => {
            let purl = identifiers.as_ref().and_then(|it| it.purl.clone());
            purl.or_else(|| id.clone()).unwrap_or_default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"@context": "https://openvex.dev/ns/v0.2.0", "author": "Ops",
        "timestamp": "2025-01-02T03:04:05Z", "statements": [
        {"vulnerability": {"name": "CVE-2023-1"}, "products": [{"@id": "pkg:deb/debian/zlib"}],
         "status": "not_affected", "justification": "vulnerable_code_not_present"},
        {"vulnerability": {"name": "CVE-2023-2"}, "status": "fixed", "products": [
         {"@id": "pkg:oci/web", "subcomponents": [{"@id": "pkg:deb/debian/zlib"}]}, "a.tar"]}]}"#;

    #[test]
    fn statements_are_read() {
        let read = read(TEXT.as_bytes()).unwrap();
        assert_eq!((read.statements.len(), read.unnamed), (2, 1));
        let reason = &read.statements[0].reason;
        assert_eq!(reason, "not_affected: vulnerable_code_not_present (by Ops)");
    }

    #[test]
    fn what_is_said_of_a_part_of_an_image_holds_there_only() {
        let read = read(TEXT.as_bytes()).unwrap();
        let zlib = [Purl::parse("pkg:deb/debian/zlib@1.2.13").unwrap()];
        let image = [Purl::parse("pkg:oci/web@sha256:1").unwrap()];
        assert!(read.statements[0].is_about(&zlib, &[]));
        assert!(!read.statements[1].is_about(&zlib, &[]));
        assert!(read.statements[1].is_about(&zlib, &image));
    }

    #[test]
    fn other_forms_are_refused() {
        assert!(super::read(br#"{"statements": []}"#).is_err());
        assert!(super::read(&TEXT.replace("fixed", "perhaps").into_bytes()).is_err());
    }
}
