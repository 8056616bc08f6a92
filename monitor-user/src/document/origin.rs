//! Whose act a document tells of, as it stands in its line: for those who sort lines by that.

use serde_json::Value;

use super::Schema;

/// Where the id of a container stands: ECS, Falco, OCSF's findings and events.
const PLACES: [&str; 5] = [
    "/container/id",
    "/output_fields/container.id",
    "/evidences/0/container/uid",
    "/evidences/0/process/container/uid",
    "/container/uid",
];

/// What stands there where it is none.
const HOST: &str = "host";

impl Schema {
    /// The id of the container in a line that [`Self::write`] wrote; None for the host itself, and
    /// where a line does not say.
    #[must_use]
    pub fn container(self, line: &[u8]) -> Option<String> {
        let id = match self {
            Self::Ecs | Self::Ocsf | Self::Falco => {
                let document: Value = serde_json::from_slice(line).ok()?;
                PLACES.iter().find_map(|place| document.pointer(place)?.as_str().map(str::to_owned))
            }
            // In other values `=` is escaped.
            Self::Cef => {
                let line = String::from_utf8_lossy(line);
                let (_, rest) = line.split_once(" cs1=")?;
                rest.split(' ').next().map(str::to_owned)
            }
            Self::Text { .. } | Self::Syslog(_) => None,
        };
        id.filter(|id| !id.is_empty() && id != HOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_of_which_container_it_is() {
        for (schema, line, id) in [
            (Schema::Ecs, r#"{"container":{"id":"c1"},"message":"x"}"#, Some("c1")),
            (Schema::Ecs, r#"{"container":{"id":"host"}}"#, None),
            (Schema::Ecs, r#"{"message":"no container"}"#, None),
            (Schema::Ecs, "no JSON", None),
            (Schema::Falco, r#"{"output_fields":{"container.id":"c1"}}"#, Some("c1")),
            (Schema::Ocsf, r#"{"evidences":[{"container":{"uid":"c1"}}]}"#, Some("c1")),
            (Schema::Ocsf, r#"{"container":{"uid":"c1"}}"#, Some("c1")),
            (Schema::Cef, "CEF:0|r|r|1|a|b|3|rt=1 cs1=c1 cs1Label=containerId", Some("c1")),
            (Schema::Cef, "CEF:0|r|r|1|a|b|3|rt=1 msg=a cs1\\=c1", None),
            (Schema::Text { colour: false }, "cs1=c1", None),
        ] {
            assert_eq!(schema.container(line.as_bytes()).as_deref(), id, "{line}");
        }
    }
}
