//! What is said of a receiver that does not take documents: when that begins, when the first is
//! given up, and when it ends. A line for every try would bury the rest of the log.

/// The state of a receiver.
pub(super) struct Outage {
    url: String,
    /// Tries that failed since the last that did not.
    tries: u64,
    /// Documents that were given up since then.
    given_up: u64,
    /// Documents that were refused since one was taken.
    refused: u64,
}

impl Outage {
    pub(super) fn new(url: String) -> Self {
        Self { url, tries: 0, given_up: 0, refused: 0 }
    }

    /// Whether the last try failed.
    pub(super) fn is_on(&self) -> bool {
        self.tries > 0
    }

    /// A try failed.
    pub(super) fn failed(&mut self, why: &str) {
        self.tries += 1;
        if self.tries == 1 {
            tracing::warn!(url = self.url, why, "alerts cannot be sent; they are tried again");
        }
    }

    /// A document was given up.
    pub(super) fn gave_up(&mut self) {
        self.given_up += 1;
        if self.given_up == 1 {
            let (url, tries) = (&self.url, self.tries);
            tracing::error!(url, tries, "an alert was given up; others may follow");
        }
    }

    /// The receiver answers, and will never take this document.
    pub(super) fn refused(&mut self, why: &str) {
        self.refused += 1;
        self.back(None);
        if self.refused == 1 {
            tracing::error!(url = self.url, why, "an alert was refused; others may follow");
        }
    }

    /// The receiver took a document; `waiting` more were kept up.
    pub(super) fn end(&mut self, waiting: usize) {
        self.back(Some(waiting));
        if self.refused > 0 {
            tracing::warn!(url = self.url, refused = self.refused, "alerts are taken again");
        }
        self.refused = 0;
    }

    fn back(&mut self, waiting: Option<usize>) {
        if self.tries > 0 {
            let Self { url, tries, given_up, .. } = self;
            tracing::warn!(url, tries, given_up, waiting, "the receiver answers again");
        }
        (self.tries, self.given_up) = (0, 0);
    }
}
