//! What a line of JSON that was written here says of its rule and of where it happened, for
//! receivers that want such facts beside the document.

use serde_json::Value;

use super::Schema;

/// What a fact is called, and where the schemas have it, the first that is there.
struct Place {
    name: &'static str,
    ecs: &'static [&'static str],
    ocsf: &'static [&'static str],
    falco: &'static [&'static str],
}

/// By the names that OpenTelemetry's conventions have.
const PLACES: [Place; 6] = [
    Place {
        name: "security_rule.name",
        ecs: &["/rule/name"],
        ocsf: &["/finding_info/analytic/name"],
        falco: &["/rule"],
    },
    Place {
        name: "container.id",
        ecs: &["/container/id"],
        ocsf: &["/evidences/0/container/uid", "/process/container/uid"],
        falco: &["/output_fields/container.id"],
    },
    Place {
        name: "container.name",
        ecs: &["/container/name"],
        ocsf: &["/evidences/0/container/name", "/process/container/name"],
        falco: &["/output_fields/container.name"],
    },
    Place {
        name: "container.image.name",
        ecs: &["/container/image/name"],
        ocsf: &["/evidences/0/container/image/name", "/process/container/image/name"],
        falco: &["/output_fields/container.image.repository"],
    },
    Place {
        name: "k8s.pod.name",
        ecs: &["/orchestrator/resource/name"],
        ocsf: &["/unmapped/pod/name"],
        falco: &["/output_fields/k8s.pod.name"],
    },
    Place {
        name: "k8s.namespace.name",
        ecs: &["/orchestrator/namespace"],
        ocsf: &["/unmapped/pod/namespace"],
        falco: &["/output_fields/k8s.ns.name"],
    },
];

/// The facts that are known. Lines for people tell none.
#[must_use]
pub fn facts(schema: Schema, line: &[u8]) -> Vec<(&'static str, String)> {
    let places = |place: &Place| match schema {
        Schema::Ecs => place.ecs,
        Schema::Ocsf => place.ocsf,
        Schema::Falco => place.falco,
        Schema::Text { .. } | Schema::Cef | Schema::Syslog(_) => &[],
    };
    if !schema.is_json() {
        return Vec::new();
    }
    let line: Value = serde_json::from_slice(line).unwrap_or_default();
    let known = |place: &Place| {
        let mut texts = places(place).iter().filter_map(|at| line.pointer(at)?.as_str());
        let text = texts.find(|text| !matches!(*text, "" | "<NA>"))?;
        Some((place.name, text.to_owned()))
    };
    PLACES.iter().filter_map(known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All schemas tell the same of the same alerts.
    #[test]
    fn schemas_have_the_facts() {
        const ECS: &str = include_str!("../../testdata/documents/ecs.ndjson");
        const OCSF: &str = include_str!("../../testdata/documents/ocsf.ndjson");
        const FALCO: &str = include_str!("../../testdata/documents/falco.ndjson");
        let whole = |schema, text: &str| -> Vec<(&'static str, String)> {
            let all = text.lines().map(|line| facts(schema, line.as_bytes()));
            all.max_by_key(Vec::len).unwrap()
        };
        let names = |facts: &[(&'static str, String)]| -> Vec<&str> {
            facts.iter().map(|(name, _)| *name).collect()
        };
        let expected: Vec<_> = PLACES.iter().map(|place| place.name).collect();
        for (schema, text) in [(Schema::Ecs, ECS), (Schema::Ocsf, OCSF), (Schema::Falco, FALCO)] {
            assert_eq!(names(&whole(schema, text)), expected, "{}", schema.name());
        }
        assert!(facts(Schema::Cef, b"CEF:0").is_empty());
    }
}
