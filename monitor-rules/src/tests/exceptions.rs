//! Exceptions with an owner, a reason and an end.

use super::toy::{self, EXEC, Fact, Toy};
use crate::Outcome;

const DAY_NS: i64 = 86_400_000_000_000;
/// 2030-01-31T00:00:00Z
const LAST_DAY_NS: i64 = 1_896_048_000_000_000_000;

fn rule(exception: &str) -> String {
    format!(
        "- rule: r\n  desc: d\n  condition: evt.type = execve and proc.name = sh\n  output: o\n  \
         priority: info\n  exceptions:\n  - name: ours\n    fields: [proc.pname]\n    \
         values: [[cron]]\n{exception}"
    )
}

fn shell_of(parent: Fact, time_ns: i64) -> Toy {
    let mut event = toy::event(EXEC, &[("proc.name", Fact::Str("sh")), ("proc.pname", parent)]);
    event.time_ns = time_ns;
    event
}

#[test]
fn an_exception_says_on_whose_word_and_until_when() {
    let text = "    owner: web team\n    reason: nightly job\n    expires: 2030-01-31\n";
    let loaded = toy::load(&[("f", &rule(text))]);
    assert!(loaded.diagnostics.is_empty(), "{:?}", toy::lines(&loaded.diagnostics));
    let exception = &loaded.rules.rules()[0].exceptions[0];
    assert_eq!(exception.owner.as_deref(), Some("web team"));
    assert_eq!(exception.reason.as_deref(), Some("nightly job"));
    assert_eq!(exception.expires_ns, Some(LAST_DAY_NS + DAY_NS));
    assert_eq!(exception.expires_on().as_deref(), Some("2030-01-31"));
    let outcome = |parent, time| toy::found(&loaded.rules, &shell_of(parent, time))[0].1;
    let cron = || Fact::Str("cron");
    assert_eq!(outcome(cron(), LAST_DAY_NS + DAY_NS - 1), Outcome::Excepted(0));
    assert_eq!(outcome(cron(), LAST_DAY_NS + DAY_NS), Outcome::Matches);
    assert_eq!(outcome(Fact::Str("sshd"), 0), Outcome::Matches);
    assert_eq!(outcome(Fact::Pending, 0), Outcome::Pending);
    let decision = loaded.rules.rules()[0].decide(&shell_of(cron(), 0));
    assert_eq!((decision.fires, decision.excepted), (false, Some(0)));
    assert!(loaded.rules.rules()[0].decide(&shell_of(Fact::Pending, 0)).fires);
}

#[test]
fn an_end_that_is_no_date_is_an_error() {
    for (written, good) in [
        ("2030-01-31", true),
        ("2030-01-31T12:00:00Z", true),
        ("2030-01-31T12:00:00+02:00", true),
        ("31.1.2030", false),
        ("soon", false),
        ("2030-02-31", false),
    ] {
        let loaded = toy::load(&[("f", &rule(&format!("    expires: {written}\n")))]);
        assert_eq!(!loaded.has_errors(), good, "{written}: {:?}", toy::lines(&loaded.diagnostics));
    }
}

#[test]
fn an_explanation_names_the_exception() {
    let loaded = toy::load(&[("f", &rule(""))]);
    let explained = loaded.rules.rules()[0].explain(&shell_of(Fact::Str("cron"), 0));
    assert_eq!(explained.truth, crate::Tri::False);
    assert!(format!("{explained:?}").contains("exception `ours`"));
}
