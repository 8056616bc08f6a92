//! Packages from a list of components, CycloneDX in JSON.

use monitor_vulns::purl::Purl;
use serde::Deserialize;

use super::{
    Os, Package,
    place::{Unplaced, place},
};
use crate::limits::{SBOM_COMPONENTS, SBOM_DEPTH};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    bom_format: Option<String>,
    metadata: Option<RawMetadata>,
    #[serde(default)]
    components: Vec<RawComponent>,
}

#[derive(Deserialize)]
struct RawMetadata {
    component: Option<RawComponent>,
}

#[derive(Deserialize)]
struct RawComponent {
    #[serde(rename = "type")]
    kind: Option<String>,
    name: Option<String>,
    version: Option<String>,
    purl: Option<String>,
    #[serde(default)]
    properties: Vec<RawProperty>,
    #[serde(default)]
    components: Vec<RawComponent>,
}

#[derive(Deserialize)]
struct RawProperty {
    name: Option<String>,
    value: Option<String>,
}

/// What a list says.
#[derive(Debug, Default)]
pub struct Sbom {
    /// The system, where it names one.
    pub os: Option<Os>,
    /// What it is a list of, as an image, by package URLs.
    pub products: Vec<Purl>,
    /// The packages.
    pub packages: Vec<Package>,
    /// What nothing can be asked about: its name, and why.
    pub unplaced: Vec<(String, Unplaced)>,
}

/// Reads a list.
///
/// # Errors
///
/// If it is no CycloneDX, or too large; with the reason.
pub fn read(text: &str) -> Result<Sbom, String> {
    let raw: Raw = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if raw.bom_format.as_deref() != Some("CycloneDX") {
        let cure = "make one in CycloneDX's JSON, for example with `syft -o cyclonedx-json`";
        return Err(format!("it is no list of components in CycloneDX's JSON: {cure}"));
    }
    let whole = raw.metadata.and_then(|metadata| metadata.component);
    let mut all = Vec::new();
    flatten(raw.components, 0, &mut all)?;
    let is_os = |it: &&RawComponent| it.kind.as_deref() == Some("operating-system");
    let os = all.iter().chain(&whole).find(is_os).map(|it| Os {
        id: it.name.as_deref().unwrap_or_default().to_ascii_lowercase(),
        version: it.version.clone().unwrap_or_default(),
    });
    let product = whole.as_ref().and_then(|it| Purl::parse(it.purl.as_deref()?));
    let mut sbom = Sbom { products: product.into_iter().collect(), ..Sbom::default() };
    let packages =
        all.iter().filter(|it| !matches!(it.kind.as_deref(), Some("operating-system" | "file")));
    for component in packages {
        match package(component, os.as_ref()) {
            Ok(package) => sbom.packages.push(package),
            Err(why) => {
                sbom.unplaced.push((component.name.clone().unwrap_or_default(), why));
            }
        }
    }
    sbom.os = os;
    Ok(sbom)
}

/// Components within others are components as well.
fn flatten(
    components: Vec<RawComponent>,
    depth: usize,
    all: &mut Vec<RawComponent>,
) -> Result<(), String> {
    if depth > SBOM_DEPTH || all.len() + components.len() > SBOM_COMPONENTS {
        return Err(format!("it has more than {SBOM_COMPONENTS} components, or too deep ones"));
    }
    for mut component in components {
        let within = std::mem::take(&mut component.components);
        all.push(component);
        flatten(within, depth + 1, all)?;
    }
    Ok(())
}

fn package(component: &RawComponent, os: Option<&Os>) -> Result<Package, Unplaced> {
    let text = component.purl.as_deref().ok_or(Unplaced::NoPurl)?;
    let mut purl = Purl::parse(text).ok_or(Unplaced::NoPurl)?;
    add_source(&mut purl, component);
    Ok(Package {
        coordinates: place(&purl, os)?,
        name: purl.full_name('/'),
        version: purl.version.clone(),
        purl: Some(text.to_owned()),
    })
}

/// Trivy says beside the package URL what the source is, and so does this program.
fn add_source(purl: &mut Purl, component: &RawComponent) {
    if purl.qualifier("upstream").is_some() || !["deb", "apk"].contains(&purl.kind.as_str()) {
        return;
    }
    let of = |prefix: &str, name: &str| {
        let is_it = |it: &&RawProperty| {
            let own = it.name.as_deref().and_then(|it| it.strip_prefix(prefix));
            own == Some(name) && it.value.as_deref().is_some_and(|value| !value.is_empty())
        };
        component.properties.iter().find(is_it).and_then(|it| it.value.as_deref())
    };
    if let Some(source) = of("runmon:", "source") {
        purl.qualifiers.push(("upstream".to_owned(), source.to_owned()));
        return;
    }
    let property = |name: &str| of("aquasecurity:trivy:", name);
    let Some(name) = property("SrcName") else { return };
    let mut source = name.to_owned();
    if let Some(version) = property("SrcVersion") {
        let epoch = property("SrcEpoch").filter(|epoch| *epoch != "0");
        let epoch = epoch.map_or(String::new(), |epoch| format!("{epoch}:"));
        let release = property("SrcRelease").map_or(String::new(), |it| format!("-{it}"));
        source.push_str(&format!("@{epoch}{version}{release}"));
    }
    purl.qualifiers.push(("upstream".to_owned(), source));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_packages_of_their_system() {
        let text = r#"{"bomFormat": "CycloneDX", "specVersion": "1.5",
            "metadata": {"component": {"type": "container", "name": "web", "purl": "pkg:oci/web"}},
            "components": [
            {"type": "operating-system", "name": "debian", "version": "12.4"},
            {"type": "library", "name": "libc6", "purl": "pkg:deb/debian/libc6@2.36-9?arch=amd64",
             "properties": [{"name": "aquasecurity:trivy:SrcName", "value": "glibc"},
              {"name": "aquasecurity:trivy:SrcVersion", "value": "2.36"},
              {"name": "aquasecurity:trivy:SrcRelease", "value": "9"}],
             "components": [{"type": "library", "name": "a", "purl": "pkg:npm/a@1.0.0"}]},
            {"type": "library", "name": "unnamed"}, {"type": "file", "name": "/etc/passwd"}]}"#;
        let sbom = read(text).unwrap();
        let [libc, a] = sbom.packages.as_slice() else { panic!("{sbom:?}") };
        let glibc = &libc.coordinates[0];
        assert_eq!((glibc.ecosystem.as_str(), glibc.name.as_str()), ("Debian:12", "glibc"));
        assert_eq!((glibc.version.as_str(), a.name.as_str()), ("2.36-9", "a"));
        assert_eq!(sbom.unplaced, [("unnamed".to_owned(), Unplaced::NoPurl)]);
        assert_eq!(sbom.products[0].name, "web");
    }

    /// What `runmon inventory --sbom` writes is asked about as the inventory itself is.
    #[test]
    fn an_own_list_is_asked_about_as_what_it_was_made_of() {
        use monitor_inventory::{
            Inventory, Kind, OsRelease, Package, Source,
            sbom::{Subject, cyclonedx},
        };
        let package = |kind, name: &str, version: &str, source: Option<(&str, &str)>| Package {
            source: source
                .map(|(name, version)| Source { name: name.into(), version: version.into() }),
            ..Package::new(kind, name.into(), version.into(), "/x")
        };
        let of = |id: &str, version: &str, packages| Inventory {
            os: Some(OsRelease {
                id: id.into(),
                version: Some(version.into()),
                ..OsRelease::default()
            }),
            packages,
            ..Inventory::default()
        };
        let debian = vec![
            package(Kind::Dpkg, "libc6", "2.36-9+b1", Some(("glibc", "2.36-9"))),
            package(Kind::Dpkg, "libssl3", "3.0.11-1", Some(("openssl", "3.0.11-1"))),
            package(Kind::Dpkg, "tool", "1:2-1", Some(("tool", "1:2-1"))),
            package(Kind::Python, "PyYAML", "6.0", None),
            package(Kind::Go, "github.com/a/b", "v1.2.3", None),
            package(Kind::Node, "@a/b", "1.0.0", None),
        ];
        let alpine = vec![package(Kind::Apk, "libssl3", "3.1-r2", Some(("openssl", "3.1-r2")))];
        for inventory in [of("debian", "12", debian), of("alpine", "3.18.4", alpine)] {
            let subject = Subject {
                name: "x".into(),
                is_image: true,
                version: None,
                timestamp: String::new(),
                tool: (String::new(), String::new()),
            };
            let bill = cyclonedx(&subject, &[(&subject, &inventory)]);
            let mut without = bill.clone();
            let components = without["components"].as_array_mut().unwrap();
            components
                .iter_mut()
                .for_each(|it| drop(it.as_object_mut().unwrap().remove("properties")));
            for bill in [bill, without] {
                let read = read(&bill.to_string()).unwrap();
                let asked: Vec<(&str, &str, &str)> = read
                    .packages
                    .iter()
                    .filter_map(|it| it.coordinates.first())
                    .map(|it| (&*it.ecosystem, &*it.name, &*it.version))
                    .collect();
                let own: Vec<_> = inventory
                    .packages
                    .iter()
                    .map(|it| it.osv(inventory.os.as_ref()).unwrap())
                    .collect();
                let own: Vec<(&str, &str, &str)> =
                    own.iter().map(|it| (&*it.ecosystem, &*it.name, &*it.version)).collect();
                assert_eq!(asked, own);
            }
        }
    }

    #[test]
    fn other_forms_and_deep_ones_are_refused() {
        assert!(read(r#"{"spdxVersion": "SPDX-2.3"}"#).unwrap_err().contains("syft"));
        let deep = r#"{"components": ["#.repeat(40) + "{}" + &"]}".repeat(40);
        let text = format!(r#"{{"bomFormat": "CycloneDX", "components": [{deep}]}}"#);
        assert!(read(&text).unwrap_err().contains("deep"));
    }
}
