//! What is known of software that is not kept up, and was accepted: it is told to nobody, and still
//! shown for what it is.

use std::sync::Arc;

use super::{
    checks,
    task::{Looked, Place},
};
use crate::{
    container::Container,
    posture::accepted::Exception,
    state::{Check, Observation},
    vulns::{Finding, Judged},
};

/// What is accepted, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Of which checks and images, why, and until when.
    pub of: Exception,
    /// Only of this package, by the name that it has where it is installed, or that of its source.
    pub package: Option<Box<str>>,
    /// Only this vulnerability, by any of its ids.
    pub vulnerability: Option<Box<str>>,
}

impl Accepted {
    /// Whether it is about packages with known vulnerabilities, or some of them.
    #[must_use]
    pub fn is_about_packages(&self) -> bool {
        self.of.is_about(&checks::PACKAGE)
    }

    /// Whether all that a check finds of an image is accepted.
    fn is_about_all(&self, check: &Check) -> bool {
        self.package.is_none() && self.vulnerability.is_none() && self.of.is_about(check)
    }

    fn is_about(&self, finding: &Finding) -> bool {
        let is_package = |name: &str| {
            let mut installed = finding.installed.iter();
            *finding.coordinate.name == *name || installed.any(|(it, _)| *it == *name)
        };
        let is_id = |id: &str| {
            let mut ids = finding.found.ids.iter().chain([&finding.found.id]);
            ids.any(|it| it.eq_ignore_ascii_case(id))
        };
        self.is_about_packages()
            && self.package.as_deref().is_none_or(is_package)
            && self.vulnerability.as_deref().is_none_or(is_id)
    }
}

/// Those that hold for all of these now; for the host, where there are none.
#[must_use]
pub fn holding<'a>(
    all: &'a [Accepted],
    containers: &[Arc<Container>],
    now_s: i64,
) -> Vec<&'a Accepted> {
    let host = [Arc::new(Container::host())];
    let of = if containers.is_empty() { &host } else { containers };
    all.iter().filter(|it| of.iter().all(|one| it.of.holds(one, now_s))).collect()
}

/// Marks what is accepted of what data say: it does not count any more.
pub fn mark(judged: &mut Judged, hold: &[&Accepted]) {
    for (finding, _) in &mut judged.findings {
        let accepted = hold.iter().find(|it| it.is_about(finding));
        finding.accepted = accepted.map(|it| it.of.reason.clone());
    }
    judged.sort();
}

/// Takes out what is accepted of what is to be told; the checks and parts of that.
pub(super) fn take(
    observations: &mut Vec<Observation>,
    hold: &[&Accepted],
) -> Vec<(&'static str, String)> {
    let is_accepted = |it: &Observation| hold.iter().any(|of| of.is_about_all(it.check));
    let taken = observations.extract_if(.., |it| is_accepted(it));
    taken.map(|it| (it.check.id, it.part)).collect()
}

impl Place {
    /// Takes what is so of it, but for what is accepted.
    pub(super) fn tell(&mut self, mut observations: Vec<Observation>, hold: &[&Accepted]) {
        self.accepted.extend(take(&mut observations, hold));
        self.observations = Some(observations);
    }
}

/// What is accepted of an image, or of the host.
pub(super) fn held<'a>(all: &'a [Accepted], group: &[&Looked], now_s: i64) -> Vec<&'a Accepted> {
    let containers: Vec<Arc<Container>> =
        group.iter().map(|it| Arc::clone(&it.container)).collect();
    holding(all, &containers, now_s)
}
