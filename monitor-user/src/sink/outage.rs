//! What is said of a receiver that does not take documents: when that begins, when the first is
//! given up, and when it ends. A line for every try would bury the rest of the log.

use super::trouble::{Trouble, Why};

/// The state of a receiver.
pub(super) struct Outage {
    receiver: String,
    /// Tries that failed since the last that did not.
    tries: u64,
    /// The sorts of trouble that were told of since then.
    told: Vec<Trouble>,
    /// Documents that were given up since then.
    given_up: u64,
    /// Documents that were refused since one was taken.
    refused: u64,
}

impl Outage {
    pub(super) fn new(receiver: String) -> Self {
        Self { receiver, tries: 0, told: Vec::new(), given_up: 0, refused: 0 }
    }

    /// A try failed. Another sort of trouble than those before is told of, too.
    pub(super) fn failed(&mut self, why: &Why) {
        self.tries += 1;
        let Why { trouble, text: why } = why;
        if !self.told.contains(trouble) {
            self.told.push(*trouble);
            tracing::warn!(url = self.receiver, why, "alerts cannot be sent; they are tried again");
        }
    }

    /// A document was given up.
    pub(super) fn gave_up(&mut self) {
        self.given_up += 1;
        if self.given_up == 1 {
            let (url, tries) = (&self.receiver, self.tries);
            tracing::error!(url, tries, "an alert was given up; others may follow");
        }
    }

    /// The receiver answers, and will never take this document.
    pub(super) fn refused(&mut self, why: &str) {
        self.refused += 1;
        self.back(None);
        if self.refused == 1 {
            tracing::error!(url = self.receiver, why, "an alert was refused; others may follow");
        }
    }

    /// The receiver took a document; `waiting` more were kept up.
    pub(super) fn end(&mut self, waiting: usize) {
        self.back(Some(waiting));
        if self.refused > 0 {
            tracing::warn!(url = self.receiver, refused = self.refused, "alerts are taken again");
        }
        self.refused = 0;
    }

    fn back(&mut self, waiting: Option<usize>) {
        if self.tries > 0 {
            let Self { receiver: url, tries, given_up, .. } = self;
            tracing::warn!(url, tries, given_up, waiting, "the receiver answers again");
        }
        (self.tries, self.given_up) = (0, 0);
        self.told.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::tests::Moody;

    /// What is logged meanwhile, a line each.
    fn logged(acts: impl FnOnce(&mut Outage)) -> Vec<String> {
        let log = Moody::new(Vec::new());
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .finish();
        let acts = || acts(&mut Outage::new("u".to_owned()));
        tracing::subscriber::with_default(subscriber, acts);
        log.text().lines().map(|line| line.trim().to_owned()).collect()
    }

    #[test]
    fn changes_are_logged_and_not_tries() {
        let busy = || Why::from("status 503".to_owned());
        let lines = logged(|outage| {
            outage.end(3);
            (0..9).for_each(|_| outage.failed(&busy()));
            outage.gave_up();
            outage.failed(&busy());
            outage.gave_up();
            outage.end(3);
            outage.end(2);
            let expired = "it expired".to_owned();
            (0..3).for_each(|_| outage.failed(&busy()));
            outage.failed(&Why { trouble: Trouble::CertificateExpired, text: expired });
            outage.failed(&busy());
        });
        assert_eq!(
            lines,
            [
                r#"WARN alerts cannot be sent; they are tried again url="u" why="status 503""#,
                r#"ERROR an alert was given up; others may follow url="u" tries=9"#,
                r#"WARN the receiver answers again url="u" tries=10 given_up=2 waiting=3"#,
                r#"WARN alerts cannot be sent; they are tried again url="u" why="status 503""#,
                r#"WARN alerts cannot be sent; they are tried again url="u" why="it expired""#,
            ]
        );
        let lines = logged(|outage| {
            (0..9).for_each(|_| outage.refused("status 400"));
            outage.end(0);
        });
        assert_eq!(
            lines,
            [
                r#"ERROR an alert was refused; others may follow url="u" why="status 400""#,
                r#"WARN alerts are taken again url="u" refused=9"#,
            ]
        );
    }
}
