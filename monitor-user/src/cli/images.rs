//! `images`: the images on this node, what uses them, and which could go.

use std::path::PathBuf;

use clap::Args;

use super::{Form, instance};
use crate::images::Except;

/// `images`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct ImagesArgs {
    /// Say of each image whether it could go, and why; what one would type is told, not done
    #[arg(long)]
    pub plan: bool,
    /// With --plan: days for which nobody must have used what goes
    #[arg(long, value_name = "DAYS", default_value_t = 30, requires = "plan")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub unused_for: u32,
    /// With --plan: days for which what goes must be here
    #[arg(long, value_name = "DAYS", default_value_t = 7, requires = "plan")]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=3650))]
    pub min_age: u32,
    /// With --plan: what stays, as `nginx`, `registry.example:5000/team/*:1.*` or a digest; may be
    /// given more than once
    #[arg(long, value_name = "PATTERN", requires = "plan", value_parser = Except::parse)]
    pub except: Vec<Except>,
    /// After how many days an image is old
    #[arg(long, value_name = "DAYS", default_value_t = 180)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=36500))]
    pub old_after: u32,
    /// Last days of images by digest: lines as `sha256:… 2026-01-31`
    #[arg(long, value_name = "FILE")]
    pub end_of_life: Option<PathBuf>,
    /// Form of what is shown
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    pub output: Form,
    /// Configuration file, for the places of container runtimes and of what the daemon keeps
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Name of the daemon that notes what is used, where several run
    #[arg(long, value_name = "NAME", value_parser = instance)]
    pub instance: Option<String>,
}

/// What `--help` says of it.
pub(super) const ABOUT: &str = "\
List images, what uses them, and which could go; nothing is removed\n\n\
Images of Docker, podman and CRI-O are read from their files, those of containerd are asked of it, \
in every namespace. Needs root, no daemon and no network. What uses an image is every container, \
also one that ended or was never started, under any name: reference, id, digest, or the layers \
that it stands on.\n\n\
NOTES of an image:\n  \
running_superseded   a container runs it, and its name means another image by now\n  \
end_of_life          the last day that its publisher set is over: in its label \
vnd.microsoft.artifact.lifecycle.end-of-life.date, or in --end-of-life\n  \
old                  it was made more than --old-after days ago\n  \
unused               no container is of it; for how long is only said where somebody watched\n\n\
No engine keeps when an image was used last once its containers are removed. A daemon with \
`in_use: true` notes it. What it did not watch is unknown, and never unused: with --plan an image \
goes only if the daemon watched without a gap for --unused-for days and saw no use of it. It stays \
if any container is of it, if an engine is told to keep it, if pods stand on it, if it came less \
than --min-age days ago, if it is excepted, or if something could not be read. Where a kubelet is, \
nothing goes: it removes images itself, by imageMaximumGCAge.\n\n\
SIZE is what an image takes with all its layers, of containerd as they were fetched, compressed; \
what would be free counts a layer only if no image that stays has it.";

const EXIT_CODES: &str = "\
Exit codes: 0 it was looked at, whatever was found; 2 a file or pattern cannot be used. What could
not be read is told, and keeps images in the plan.";
