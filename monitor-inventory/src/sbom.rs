//! An inventory as a software bill of materials: CycloneDX 1.6, as JSON. The same inventory gives
//! the same text.

use serde_json::{Map, Value, json};

use crate::{Inventory, Kind, OsRelease, Package};

/// What the bill is about, and who made it when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// What the packages are in: the name of an image, or of a host.
    pub name: String,
    /// Whether it is an image, and not a host.
    pub is_image: bool,
    /// Its digest, or another version, where one is known.
    pub version: Option<String>,
    /// When: RFC 3339.
    pub timestamp: String,
    /// Name and version of the program that writes it.
    pub tool: (String, String),
}

/// A bill of several inventories, each with its subject: the first subject is that of the bill.
#[must_use]
pub fn cyclonedx(subject: &Subject, inventories: &[(&Subject, &Inventory)]) -> Value {
    let mut components = Vec::new();
    let is_one = inventories.len() == 1;
    for (number, (of, inventory)) in inventories.iter().enumerate() {
        let prefix = if is_one { String::new() } else { format!("{number}:") };
        let os = inventory.os.as_ref();
        let mut own: Vec<Value> = os.map(|os| of_os(os, &prefix)).into_iter().collect();
        let packages = inventory.packages.iter().enumerate();
        own.extend(packages.map(|(at, package)| component(package, os, &prefix, at)));
        if is_one {
            components.append(&mut own);
        } else {
            let mut whole = subject_of(of, &format!("{prefix}root"));
            if let Value::Object(whole) = &mut whole {
                whole.insert("components".to_owned(), own.into());
            }
            components.push(whole);
        }
    }
    let (tool, version) = &subject.tool;
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": subject.timestamp,
            "tools": {"components": [{"type": "application", "name": tool, "version": version}]},
            "component": subject_of(subject, "root"),
        },
        "components": components,
    })
}

fn subject_of(subject: &Subject, reference: &str) -> Value {
    let kind = if subject.is_image { "container" } else { "device" };
    let mut value = json!({"type": kind, "bom-ref": reference, "name": subject.name});
    if let (Some(version), Value::Object(value)) = (&subject.version, &mut value) {
        value.insert("version".to_owned(), version.as_str().into());
    }
    value
}

fn of_os(os: &OsRelease, prefix: &str) -> Value {
    let mut value = json!({
        "type": "operating-system",
        "bom-ref": format!("{prefix}os"),
        "name": &*os.id,
        "description": os.label(),
    });
    if let (Some(version), Value::Object(value)) = (&os.version, &mut value) {
        value.insert("version".to_owned(), version.to_string().into());
    }
    value
}

fn component(package: &Package, os: Option<&OsRelease>, prefix: &str, at: usize) -> Value {
    let mut value = Map::new();
    let mut put = |key: &str, it: Value| {
        value.insert(key.to_owned(), it);
    };
    put("type", "library".into());
    put("bom-ref", format!("{prefix}package:{at}").into());
    let split = match package.kind {
        Kind::Java => package.name.split_once(':'),
        Kind::Node => package.name.split_once('/').filter(|(scope, _)| scope.starts_with('@')),
        _ => None,
    };
    match split {
        Some((group, name)) => {
            put("group", group.into());
            put("name", name.into());
        }
        None => put("name", (*package.name).into()),
    }
    if !package.version.is_empty() {
        put("version", (*package.version).into());
    }
    put("purl", package.purl(os).into());
    if let Some(licence) = &package.licence {
        // Names of authors are not all names of SPDX.
        put("licenses", json!([{"license": {"name": &**licence}}]));
    }
    let mut properties = vec![property("runmon:kind", package.kind.name())];
    properties.push(property("runmon:path", &package.path));
    if let Some(source) = &package.source {
        properties.push(property("runmon:source", &format!("{}@{}", source.name, source.version)));
    }
    for (name, text) in
        [("runmon:module", &package.module), ("runmon:brought_by", &package.brought_by)]
    {
        properties.extend(text.as_ref().map(|text| property(name, text)));
    }
    put("properties", properties.into());
    value.into()
}

fn property(name: &str, value: &str) -> Value {
    json!({"name": name, "value": value})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os_release;

    fn subject(name: &str) -> Subject {
        Subject {
            name: name.to_owned(),
            is_image: true,
            version: Some("sha256:0a".to_owned()),
            timestamp: "2026-11-29T00:00:00Z".to_owned(),
            tool: ("runmon".to_owned(), "0.1.0".to_owned()),
        }
    }

    #[test]
    fn references_are_unlike() {
        let package = Package::new(Kind::Node, "@a/b".into(), "1".into(), "/x");
        let inventory = Inventory {
            os: os_release::parse(b"ID=debian\nVERSION_ID=12"),
            packages: vec![package.clone(), Package { licence: Some("MIT".into()), ..package }],
            ..Inventory::default()
        };
        let (one, all) = (subject("shop"), subject("host"));
        let bill = cyclonedx(&one, &[(&one, &inventory)]);
        assert_eq!(bill, cyclonedx(&one, &[(&one, &inventory)]));
        assert_eq!(bill["components"][1]["group"], "@a");
        assert_eq!(bill["components"][2]["licenses"][0]["license"]["name"], "MIT");
        let bill = cyclonedx(&all, &[(&one, &inventory), (&one, &inventory)]);
        let text = bill.to_string();
        let mut references: Vec<&str> = text.split("\"bom-ref\":\"").skip(1).collect();
        references.iter_mut().for_each(|it| *it = it.split('"').next().unwrap());
        let count = references.len();
        references.sort_unstable();
        references.dedup();
        assert_eq!((references.len(), count), (9, 9));
    }
}
