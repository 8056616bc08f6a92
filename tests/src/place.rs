//! Where an act happens: on the host, or in a container.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::containerd::Container;
use crate::daemon::Daemon;
use crate::features::expected_here;
use crate::image;
use crate::lab::{Lab, trigger_path};
use crate::triggers::Report;

/// A place with the program of the triggers.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// The host.
    Host(&'a Lab),
    /// A container.
    In(&'a Container<'a>),
}

impl Place<'_> {
    /// Performs an act here.
    pub fn trigger(&self, args: &[&str]) -> Report {
        match self {
            Self::Host(lab) => lab.trigger(args),
            Self::In(container) => container.trigger(args),
        }
    }

    /// The program of the triggers, as it is called here.
    pub fn program(&self) -> PathBuf {
        match self {
            Self::Host(_) => trigger_path(),
            Self::In(_) => PathBuf::from(image::TRIGGER),
        }
    }

    /// A new directory here, below /tmp.
    pub fn dir(&self, what: &str) -> PathBuf {
        match self {
            Self::Host(lab) => lab.dir(what),
            Self::In(container) => {
                let dir = Path::new("/tmp").join(what);
                let path = dir.to_str().expect("a plain path");
                container.exec(&["/bin/mkdir", "-p", path]);
                dir
            }
        }
    }

    /// Whether a document tells of an act of this report's process. Process ids in reports are
    /// those of the place's own namespace.
    pub fn is_by(&self, report: &Report, document: &Value) -> bool {
        let pid = match self {
            Self::Host(_) => &document["process"]["pid"],
            Self::In(_) => &document["process"]["vpid"],
        };
        *pid == report.pid && document["container"]["id"] == self.container_id()
    }

    /// Waits for an alert on an act of this report's process, and asserts that it says where.
    pub fn expect(
        &self,
        daemon: &Daemon,
        report: &Report,
        action: &str,
        holds: impl Fn(&Value) -> bool,
    ) -> Value {
        let what =
            format!("{action} by process {} in {}: {report}", report.pid, self.container_id());
        let alert = daemon.expect(&what, |alert| {
            alert["event"]["action"] == action && self.is_by(report, alert) && holds(alert)
        });
        self.assert_named_in(&alert);
        alert
    }

    /// Asserts that a document names the place right.
    pub fn assert_named_in(&self, document: &Value) {
        let container = &document["container"];
        assert_eq!(container["id"], self.container_id());
        match self {
            Self::Host(_) => assert!(container["image"].is_null(), "{container:#}"),
            Self::In(inside) => {
                assert_eq!(container["name"], inside.id(), "{container:#}");
                assert_eq!(container["runtime"], "containerd", "{container:#}");
                assert_image(container, inside.image_digest());
            }
        }
    }

    fn container_id(&self) -> &str {
        match self {
            Self::Host(_) => "host",
            Self::In(container) => container.id(),
        }
    }
}

/// Asserts that a container's image is told of as it is. Emulated machines are slow: there the
/// runtime may not have answered in time, if that is said.
pub fn assert_image(container: &Value, digest: &str) {
    let is_late =
        |fact: &str| container["unknown_because"][fact] == "no_answer" && expected_here().is_some();
    if is_late("image.name") {
        return;
    }
    assert_eq!(container["image"]["name"], image::NAME, "{container:#}");
    if is_late("image.hash.all") {
        return;
    }
    assert_eq!(container["image"]["hash"]["all"], json!([digest]), "{container:#}");
}
