//! `profile`: what images are expected to do.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::instance;

/// The subcommands of `profile`.
#[derive(Debug, Subcommand)]
pub enum ProfileCommand {
    /// Learn what images do, from recordings
    ///
    /// Each image gets a file: programs with who starts them, files, connections, listeners, names,
    /// capabilities and acts, with what varies generalised, and how much was seen. What a rule
    /// alerts on is not learned. Nobody is alerted by a profile until it is approved.
    Learn(ProfileLearnArgs),
    /// List profiles with how much was seen
    List(ProfileListArgs),
    /// Show a profile, and what keeps it from being complete
    Show(ProfileShowArgs),
    /// Compare two profiles; the exit code is 1 if they differ
    ///
    /// What the other one expects in a wider form is no difference.
    Diff(ProfileDiffArgs),
    /// Put profiles of one image together, as of replicas
    Merge(ProfileMergeArgs),
    /// Say that a profile is right, so that what is outside of it is alerted on
    ///
    /// One that is not complete is refused unless --incomplete says that this is known.
    Approve(ProfileApproveArgs),
    /// Write a profile as rules of those who can forbid the rest: as much as was seen to be needed
    ///
    /// Comments say from what evidence. seccomp: a profile for runc, Docker and Kubernetes, from
    /// what `record --syscalls` saw. networkpolicy: of Kubernetes. apparmor: programs and writes.
    /// falco-rules: rules with tests. security-context: a part of a pod's specification.
    Export(ProfileExportArgs),
}

/// `profile learn`.
#[derive(Debug, Args)]
pub struct ProfileLearnArgs {
    /// Recording to learn from; several are taken as replicas
    #[arg(long, value_name = "RECORDING", required = true)]
    pub from: Vec<PathBuf>,
    /// Directory for the profiles; one that is there is merged with what is learned
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub output: PathBuf,
    /// Only images whose name or digest has this in it; may be given more than once
    #[arg(long, value_name = "IMAGE")]
    pub image: Vec<String>,
    /// Give each workload that runs an image a profile of its own
    #[arg(long)]
    pub by_workload: bool,
    /// Rule files or directories; what they alert on is not learned. Without it the embedded ones
    #[arg(short, long, value_name = "PATH")]
    pub rules: Vec<PathBuf>,
}

/// `profile list`.
#[derive(Debug, Args)]
pub struct ProfileListArgs {
    /// Files, or directories of them; without any, those that the daemon learns and uses
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Configuration file, which says where those are
    #[arg(short, long, value_name = "FILE", conflicts_with = "paths")]
    pub config: Option<PathBuf>,
    /// Name of the daemon, where several run
    #[arg(long, value_name = "NAME", value_parser = instance, conflicts_with = "paths")]
    pub instance: Option<String>,
}

/// `profile show`.
#[derive(Debug, Args)]
pub struct ProfileShowArgs {
    /// The file
    pub file: PathBuf,
}

/// `profile diff`.
#[derive(Debug, Args)]
pub struct ProfileDiffArgs {
    /// The old one
    pub old: PathBuf,
    /// The new one
    pub new: PathBuf,
}

/// `profile merge`.
#[derive(Debug, Args)]
pub struct ProfileMergeArgs {
    /// The files; the name, image and mode of the first one stay
    #[arg(required = true, num_args = 2..)]
    pub files: Vec<PathBuf>,
    /// Where it goes
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

/// `profile approve`.
#[derive(Debug, Args)]
pub struct ProfileApproveArgs {
    /// The file, which is changed
    pub file: PathBuf,
    /// Who says so
    #[arg(long, value_name = "WHO")]
    pub by: String,
    /// What is done about what it does not expect
    #[arg(long, value_name = "MODE", default_value = "alert", value_parser = mode)]
    pub mode: crate::profile::Mode,
    /// Also if too little was seen
    #[arg(long)]
    pub incomplete: bool,
}

/// `profile export`.
#[derive(Debug, Args)]
pub struct ProfileExportArgs {
    /// The profile
    pub file: PathBuf,
    /// The form: seccomp, networkpolicy, apparmor, falco-rules or security-context
    #[arg(long = "as", value_name = "FORM", value_parser = form)]
    pub form: crate::profile::export::Form,
    /// Where it goes, which must not be there yet; without it to standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

fn form(text: &str) -> Result<crate::profile::export::Form, String> {
    use crate::profile::export::Form;
    let names: Vec<&str> = Form::ALL.iter().map(|(name, _)| *name).collect();
    Form::from_name(text).ok_or_else(|| format!("it is none of {}", names.join(", ")))
}

fn mode(text: &str) -> Result<crate::profile::Mode, String> {
    use crate::profile::Mode;
    match Mode::from_name(text) {
        Some(mode @ (Mode::Shadow | Mode::Alert)) => Ok(mode),
        Some(Mode::Learn) | None => Err("write shadow or alert".to_owned()),
    }
}
