//! Exceptions whose time is over: the rules alert again, and whoever reads them should know why.

use monitor_rules::Rule;

use crate::{document::printable::terminal, event::Event};

/// A line for each exception that keeps nothing quiet any more at `now_ns`.
pub(super) fn lines(rules: &[Rule<Event>], now_ns: i64) -> Vec<String> {
    let of = |rule: &Rule<Event>| {
        let about = &rule.about;
        let over = rule.exceptions.iter().filter(move |exception| !exception.is_active(now_ns));
        let line = |name: &str, day: &str| {
            format!(
                "{}:{}: warning[exception-ended]: exception `{}` of rule `{}` ended on {day} and \
                 keeps nothing quiet any more; put off `expires`, or take the exception out",
                about.file,
                about.line,
                terminal(name.as_bytes()),
                terminal(about.name.as_bytes()),
            )
        };
        let lines = over
            .filter_map(|exception| exception.expires_on().map(|day| line(&exception.name, &day)));
        lines.collect::<Vec<_>>()
    };
    rules.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use monitor_rules::RuleFile;

    use super::*;

    #[test]
    fn only_what_is_over_is_told() {
        let text = "- rule: r\n  desc: d\n  condition: evt.type = execve\n  output: o\n  \
                    priority: info\n  exceptions:\n    \
                    - {name: old, fields: [proc.name], values: [[x]], expires: 2020-01-31}\n    \
                    - {name: new, fields: [proc.name], values: [[y]], expires: 2020-02-01}\n    \
                    - {name: ever, fields: [proc.name], values: [[z]]}\n";
        let file = RuleFile { name: "f.yaml", bytes: text.as_bytes() };
        let rules = crate::rules::load(&[file]).rules;
        let first_of_february = 1_580_515_200_000_000_000;
        assert_eq!(lines(rules.rules(), first_of_february - 1), [""; 0]);
        let found = lines(rules.rules(), first_of_february);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with("f.yaml:1: warning[exception-ended]: exception `old` of rule")
        );
        assert!(found[0].contains("2020-01-31"), "{found:?}");
    }
}
