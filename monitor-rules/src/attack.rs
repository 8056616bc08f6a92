//! MITRE ATT&CK tactics and technique ids, from `mitre:` and from tags.

/// An ATT&CK tactic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tactic {
    /// The id, such as `TA0002`.
    pub id: &'static str,
    /// The name as tags have it, such as `execution`.
    pub name: &'static str,
}

const fn tactic(id: &'static str, name: &'static str) -> Tactic {
    Tactic { id, name }
}

impl Tactic {
    /// The tactics of the enterprise matrix, in its order.
    pub const ALL: [Self; 14] = [
        tactic("TA0043", "reconnaissance"),
        tactic("TA0042", "resource_development"),
        tactic("TA0001", "initial_access"),
        tactic("TA0002", "execution"),
        tactic("TA0003", "persistence"),
        tactic("TA0004", "privilege_escalation"),
        tactic("TA0005", "defense_evasion"),
        tactic("TA0006", "credential_access"),
        tactic("TA0007", "discovery"),
        tactic("TA0008", "lateral_movement"),
        tactic("TA0009", "collection"),
        tactic("TA0011", "command_and_control"),
        tactic("TA0010", "exfiltration"),
        tactic("TA0040", "impact"),
    ];

    /// The tactic of that id or name, in any case: `TA0002`, `execution`, `mitre_execution`.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        let name = word.strip_prefix("mitre_").unwrap_or(word).replace(['-', ' '], "_");
        let fits = |text: &str| text.eq_ignore_ascii_case(&name);
        Self::ALL.into_iter().find(|tactic| fits(tactic.id) || fits(tactic.name))
    }
}

/// What a word means in ATT&CK.
pub(crate) enum Attack {
    Tactic(Tactic),
    Technique(String),
}

/// The tactic or technique that a word names: `TA0002`, `execution`, `mitre_execution`, `T1059`,
/// `T1059.004`.
pub(crate) fn parse(word: &str) -> Option<Attack> {
    match technique_id(word) {
        Some(id) => Some(Attack::Technique(id)),
        None => Tactic::named(word).map(Attack::Tactic),
    }
}

/// A tag is meant for ATT&CK only if it says so.
pub(crate) fn parse_tag(tag: &str) -> Option<Attack> {
    let says_so =
        tag.starts_with("mitre_") || tag.starts_with("TA0") || technique_id(tag).is_some();
    if says_so { parse(tag) } else { None }
}

/// The id of a technique as ATT&CK writes it, if the word is one: `T1059`, `t1059.004`.
#[must_use]
pub fn technique_id(word: &str) -> Option<String> {
    let digits = word.strip_prefix(['T', 't'])?;
    let (main, sub) = digits.split_once('.').unwrap_or((digits, "000"));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let fits = main.len() == 4 && sub.len() == 3 && all_digits(main) && all_digits(sub);
    fits.then(|| word.to_ascii_uppercase())
}
