//! FIRST's list of how likely vulnerabilities are to be exploited: `cve,epss,percentile`.

use std::io::BufRead;

use crate::model::Likelihood;

/// The longest line that is looked at.
const LINE_BYTES: u64 = 1024;

/// Reads all of it, and gives back the day that it says it is of.
///
/// # Errors
///
/// If it cannot be read, or is no such list.
pub fn read(
    mut input: impl BufRead,
    mut take: impl FnMut(Option<(&str, Likelihood)>),
) -> Result<String, String> {
    let (mut date, mut has_title) = (String::new(), false);
    let mut line = String::new();
    loop {
        line.clear();
        let mut bounded = std::io::Read::take(&mut input, LINE_BYTES);
        match bounded.read_line(&mut line) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
        let text = line.trim();
        if let Some(comment) = text.strip_prefix('#') {
            let said = comment.split(',').find_map(|part| part.trim().strip_prefix("score_date:"));
            date = said.unwrap_or_default().to_owned();
        } else if text.starts_with("cve,epss") {
            has_title = true;
        } else if !text.is_empty() {
            take(entry(text));
        }
    }
    if has_title { Ok(date) } else { Err("it has no line `cve,epss,percentile`".to_owned()) }
}

fn entry(line: &str) -> Option<(&str, Likelihood)> {
    let mut parts = line.split(',');
    let cve = parts.next().filter(|cve| cve.starts_with("CVE-"))?;
    let mut millionths = || -> Option<u32> {
        let number: f64 = parts.next()?.parse().ok()?;
        let is_part = (0.0..=1.0).contains(&number);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1")]
        is_part.then(|| (number * 1e6).round() as u32)
    };
    Some((cve, Likelihood { score: millionths()?, percentile: millionths()? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_read() {
        let text = "#model_version:v2025.03.14,score_date:2025-05-01T00:00:00+0000\n\
            cve,epss,percentile\nCVE-2021-44228,0.94358,0.99953\nCVE-1,2,0.1\n";
        let mut all = Vec::new();
        let date = read(text.as_bytes(), |one| {
            all.push(one.map(|(cve, it)| (cve.to_owned(), it)));
        });
        assert_eq!(date.unwrap(), "2025-05-01T00:00:00+0000");
        let likely = Likelihood { score: 943_580, percentile: 999_530 };
        assert_eq!(all, [Some(("CVE-2021-44228".to_owned(), likely)), None]);
        assert!(read(&b"x\n"[..], |_| {}).is_err());
    }
}
