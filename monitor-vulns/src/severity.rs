//! How bad it is: the base score of a vector, or a word.

use std::str::FromStr as _;

use cvss::Cvss;

/// A level, as people name it. The order is that of badness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nobody said.
    #[default]
    Unknown,
    /// Below 4.
    Low,
    /// From 4.
    Medium,
    /// From 7.
    High,
    /// From 9.
    Critical,
}

impl Level {
    /// All, the least first.
    pub const ALL: [Self; 5] = [Self::Unknown, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// Reads what databases say: GitHub's words, Debian's urgencies, Ubuntu's priorities.
    #[must_use]
    pub fn of_word(word: &str) -> Self {
        match word.trim_end_matches('*').to_ascii_lowercase().as_str() {
            "critical" => Self::Critical,
            "high" | "important" => Self::High,
            "medium" | "moderate" => Self::Medium,
            "low" | "negligible" | "unimportant" | "none" => Self::Low,
            _ => Self::Unknown,
        }
    }

    /// The level of a score in tenths.
    #[must_use]
    pub fn of_tenths(tenths: u8) -> Self {
        match tenths {
            90.. => Self::Critical,
            70.. => Self::High,
            40.. => Self::Medium,
            _ => Self::Low,
        }
    }
}

/// What is known of how bad it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Severity {
    /// The base score, in tenths.
    pub tenths: Option<u8>,
    /// The vector that it was computed from; empty where there is none.
    pub vector: String,
    /// The level: of the score, else of a word.
    pub level: Level,
}

impl Severity {
    /// By a vector of CVSS 2, 3 or 4. None if it is no such vector.
    #[must_use]
    pub fn of_vector(vector: &str) -> Option<Self> {
        if vector.len() > 256 {
            return None;
        }
        let score = match Cvss::from_str(vector).ok()? {
            Cvss::CvssV30(read) | Cvss::CvssV31(read) => read.base_score().value(),
            read => read.score(),
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
        let tenths = (score * 10.0).round().clamp(0.0, 100.0) as u8;
        let level = Level::of_tenths(tenths);
        Some(Self { tenths: Some(tenths), vector: vector.to_owned(), level })
    }

    /// By a word.
    #[must_use]
    pub fn of_word(word: &str) -> Self {
        Self { level: Level::of_word(word), ..Self::default() }
    }

    /// Whether it says anything.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.level != Level::Unknown
    }

    /// The one that says more: a score rather than a word, the newer system rather than the older.
    #[must_use]
    pub fn better(self, other: Self) -> Self {
        let rank = |it: &Self| {
            let system = match it.vector.get(..6) {
                Some("CVSS:4") => 2,
                Some("CVSS:3") => 1,
                _ => 0,
            };
            (it.tenths.is_some(), system, it.level)
        };
        if rank(&other) > rank(&self) { other } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_vectors_have_their_published_scores() {
        for (vector, tenths) in [
            ("AV:N/AC:L/Au:N/C:P/I:P/A:P", 75),
            ("CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 75),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 100),
            ("CVSS:3.1/AV:N/AC:H/PR:L/UI:N/S:U/C:H/I:N/A:H", 68),
            // Temporal metrics have no part in the base score.
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H/E:U/RL:O/RC:U", 100),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 93),
        ] {
            assert_eq!(Severity::of_vector(vector).unwrap().tenths, Some(tenths), "{vector}");
        }
        assert_eq!(Severity::of_vector("CVSS:3.1/AV:X"), None);
        assert_eq!(Severity::of_vector("high"), None);
    }

    #[test]
    fn a_score_says_more_than_a_word() {
        let score = Severity::of_vector("AV:N/AC:L/Au:N/C:P/I:P/A:P").unwrap();
        assert_eq!(Severity::of_word("critical").better(score.clone()), score);
        assert_eq!(Severity::of_word("low**").level, Level::Low);
        assert_eq!(Severity::of_word("not yet assigned").level, Level::Unknown);
    }
}
