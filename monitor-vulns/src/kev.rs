//! CISA's catalogue of vulnerabilities that are known to be exploited.

use serde::Deserialize;

use crate::model::{Exploited, day};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    date_released: Option<String>,
    vulnerabilities: Vec<RawEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawEntry {
    #[serde(rename = "cveID")]
    cve: String,
    date_added: String,
    due_date: Option<String>,
    known_ransomware_campaign_use: Option<String>,
}

/// What the catalogue has.
#[derive(Debug, Default)]
pub struct Read {
    /// When it was released, as it says.
    pub date: String,
    /// The entries, and None for each that has no date.
    pub entries: Vec<Option<(String, Exploited)>>,
}

/// Reads the catalogue.
///
/// # Errors
///
/// If it is not in that form; with the reason.
pub fn read(text: &[u8]) -> Result<Read, String> {
    let raw: Raw = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let entry = |raw: RawEntry| {
        let exploited = Exploited {
            added: day(&raw.date_added)?,
            due: raw.due_date.as_deref().and_then(day).unwrap_or_default(),
            ransomware: raw.known_ransomware_campaign_use.as_deref() == Some("Known"),
        };
        Some((raw.cve, exploited))
    };
    let date = raw.date_released.unwrap_or_default();
    Ok(Read { date, entries: raw.vulnerabilities.into_iter().map(entry).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_read() {
        let text = r#"{"dateReleased": "2024-05-01T00:00:00Z", "vulnerabilities": [
            {"cveID": "CVE-2021-44228", "dateAdded": "2021-12-10", "dueDate": "2021-12-24",
             "knownRansomwareCampaignUse": "Known"},
            {"cveID": "CVE-1", "dateAdded": "soon"}]}"#;
        let read = read(text.as_bytes()).unwrap();
        let log4j = Exploited { added: 20_211_210, due: 20_211_224, ransomware: true };
        assert_eq!(read.entries, [Some(("CVE-2021-44228".to_owned(), log4j)), None]);
    }
}
