//! What is asked about what is installed.

use monitor_rules::Priority;

use crate::state::Check;

const AN_UPDATE: &str = "update the package, or the program that it was built into; of a \
                         container, run an image that was built anew";

/// A package with known vulnerabilities. How much it matters hangs on what is made of it.
pub static PACKAGE: Check = Check {
    id: "upkeep.package",
    title: "A package with known vulnerabilities",
    priority: Priority::Notice,
    standards: &[("CIS Docker", "4.4"), ("NIST 800-190", "4.1.1")],
    cure: AN_UPDATE,
};

/// Updates of the host that mend something, and are not installed.
pub static HOST_UPDATES: Check = Check {
    id: "upkeep.host_updates",
    title: "Security updates of the host are not installed",
    priority: Priority::Notice,
    standards: &[("CIS Docker", "1.2.2"), ("NIST 800-190", "4.5.3")],
    cure: "install them with the package manager of the host, or replace the node by one of a \
           newer image",
};

/// The operating system in a root.
pub static SYSTEM: Check = Check {
    id: "upkeep.system_support",
    title: "The operating system gets no more security updates",
    priority: Priority::Warning,
    standards: &[("NIST 800-190", "4.1.1"), ("NIST 800-190", "4.5.3")],
    cure: "go to a release that is supported",
};

/// The same where a lesser support goes on.
pub static SYSTEM_LTS: Check = Check {
    id: "upkeep.system_lts",
    title: "The operating system gets security updates for some of its packages only",
    priority: Priority::Notice,
    standards: &[("NIST 800-190", "4.1.1"), ("NIST 800-190", "4.5.3")],
    cure: "go to a release that is supported in full",
};

/// The image, by what its publisher says.
pub static IMAGE: Check = Check {
    id: "upkeep.image_support",
    title: "The support of the image has ended",
    priority: Priority::Warning,
    standards: &[("NIST 800-190", "4.1.1")],
    cure: "run the image that its publisher has in its place",
};

/// An image whose name means another one by now.
pub static SUPERSEDED: Check = Check {
    id: "upkeep.superseded_image",
    title: "A container runs an image that its name does not mean any more",
    priority: Priority::Notice,
    standards: &[("NIST 800-190", "4.1.1")],
    cure: "start the container anew from the newer image",
};

/// An image that lay about, and was started.
pub static STALE: Check = Check {
    id: "upkeep.stale_image",
    title: "An image that nobody had used for long was started",
    priority: Priority::Warning,
    standards: &[("NIST 800-190", "4.2.2")],
    cure: "find out who started it; pull the image anew, and remove those that nobody uses \
           (`runmon images --plan`)",
};

/// Programs of the host that run containers.
pub static RUNTIME: Check = Check {
    id: "upkeep.runtime_support",
    title: "A program that runs containers is not supported any more",
    priority: Priority::Warning,
    standards: &[("CIS Docker", "1.2.2"), ("NIST 800-190", "4.4.1")],
    cure: "go to a release of it that its makers, or the distribution, support",
};

/// All of them.
pub static ALL: [&Check; 8] =
    [&PACKAGE, &HOST_UPDATES, &SYSTEM, &SYSTEM_LTS, &IMAGE, &SUPERSEDED, &STALE, &RUNTIME];

/// What cannot be said of a root that could not be read.
pub(super) const OF_ROOTS: [&Check; 5] = [&PACKAGE, &HOST_UPDATES, &SYSTEM, &SYSTEM_LTS, &RUNTIME];

/// What cannot be said where not all of a root was read.
pub(super) const OF_PACKAGES: [&Check; 3] = [&PACKAGE, &HOST_UPDATES, &RUNTIME];
