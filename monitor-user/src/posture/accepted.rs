//! Findings that somebody accepted, by check and by image: they are told to nobody, and are still
//! shown for what they are.

use crate::{
    container::Container,
    images::{Except, Image},
    state::{Assessment, Check, Status},
};

/// What the reason is called in the evidence of what is accepted.
const ACCEPTED: &str = "accepted";

/// What is accepted, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// The check: its id, or the beginning of some with `*` behind it; None: all.
    pub check: Option<Box<str>>,
    /// Images, as patterns of references; None: all, and the host.
    pub image: Option<Except>,
    /// Why.
    pub reason: Box<str>,
    /// The last second that it holds, since 1970; None: for good.
    pub until: Option<i64>,
}

impl Exception {
    /// Whether a check is one of those.
    #[must_use]
    pub fn is_about(&self, check: &Check) -> bool {
        self.check.as_deref().is_none_or(|it| match it.strip_suffix('*') {
            Some(beginning) => check.id.starts_with(beginning),
            None => check.id == it,
        })
    }

    /// Whether it holds for a container, or the host, at a time.
    #[must_use]
    pub fn holds(&self, container: &Container, now: i64) -> bool {
        let image = |pattern: &Except| {
            let digest = container.image_digest.known().map(|it| it.to_string());
            // Without an image that is known nothing is accepted.
            let name = container.image.known().map(|it| it.to_string());
            pattern.matches(&Image {
                names: name.into_iter().collect(),
                id: digest.as_deref().unwrap_or_default().to_owned(),
                digests: digest.into_iter().collect(),
                ..Image::default()
            })
        };
        self.until.is_none_or(|until| now <= until)
            && self.image.as_ref().is_none_or(|it| !container.is_host() && image(it))
    }
}

impl Assessment {
    /// Why it is accepted; None where it is not.
    #[must_use]
    pub fn accepted(&self) -> Option<&str> {
        let why = self.evidence.iter().find(|(name, _)| *name == ACCEPTED)?;
        (self.status == Status::Accepted).then_some(&*why.1)
    }
}

/// Marks what is accepted of what fails.
pub(super) fn mark(
    all: &mut [Assessment],
    exceptions: &[Exception],
    container: &Container,
    now: i64,
) {
    let hold: Vec<&Exception> = exceptions.iter().filter(|it| it.holds(container, now)).collect();
    for one in all.iter_mut().filter(|it| it.status == Status::Fail) {
        if let Some(exception) = hold.iter().find(|it| it.is_about(one.check)) {
            one.status = Status::Accepted;
            one.evidence.push((ACCEPTED, exception.reason.to_string()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{Fact, FactSource, Reason},
        posture::checks::{ROOT_USER, SECCOMP},
    };

    fn marked(exception: &Exception, container: &Container) -> Vec<bool> {
        let fail =
            |check, status| Assessment { check, status, text: String::new(), evidence: Vec::new() };
        let mut all = [
            fail(&ROOT_USER, Status::Fail),
            fail(&SECCOMP, Status::Fail),
            fail(&ROOT_USER, Status::Unknown),
        ];
        mark(&mut all, std::slice::from_ref(exception), container, 100);
        assert_eq!(all[2].status, Status::Unknown);
        all[..2].iter().map(|it| it.status == Status::Accepted).collect()
    }

    #[test]
    fn only_what_fails_is_accepted_and_only_where_it_was_said() {
        let any = Exception { check: None, image: None, reason: "r".into(), until: None };
        let of = |check: &str, image: &str, until| Exception {
            check: (!check.is_empty()).then(|| check.into()),
            image: (!image.is_empty()).then(|| Except::parse(image).unwrap()),
            until,
            ..any.clone()
        };
        let unknown = Container::unknown("/x", Reason::Pending);
        let named = Fact::Known("docker.io/library/nginx:1.27".into(), FactSource::File);
        let nginx = Container { image: named, ..unknown.clone() };
        let host = Container::host();
        for (exception, container, expected) in [
            (of("posture.root_user", "", None), &nginx, [true, false]),
            (of("posture.*", "", None), &unknown, [true, true]),
            (of("posture.*", "", None), &host, [true, true]),
            (of("", "nginx:1.*", None), &nginx, [true, true]),
            (of("", "nginx:2", None), &nginx, [false, false]),
            (of("", "nginx:1.*", None), &unknown, [false, false]),
            (of("", "**", None), &host, [false, false]),
            (of("posture.seccomp", "nginx", Some(100)), &nginx, [false, true]),
            (of("posture.seccomp", "nginx", Some(99)), &nginx, [false, false]),
        ] {
            assert_eq!(marked(&exception, container), expected, "{exception:?}");
        }
    }
}
