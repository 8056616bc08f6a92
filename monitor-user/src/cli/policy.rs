//! `policy`: what may run.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// The subcommands of `policy`.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Say whether images, or the containers that run here, may run
    ///
    /// The exit code is 1 if one may not, or if that is not known. Of an image that is only named
    /// it is not known when it was made: what runs here says that.
    ///
    /// A policy is a YAML file. An image is from where it may be if its registry, its repository or
    /// its digest is listed; where no list is given it may be from anywhere. Registries and parts
    /// of repositories may have `*` in them; `**` stands for any number of parts. Names without a
    /// registry are those of docker.io.
    ///
    ///   registries: [registry.example.com, '*.internal:5000']
    ///   repositories: [nginx, 'quay.io/shop/**']
    ///   digests: ['sha256:…']      # of a manifest or index, or the id of an image
    ///   max_age_days: 90           # by the time in the image's configuration
    ///   except:                    # image, namespace or name; the reason is told
    ///     - {namespace: kube-system, reason: by the platform team, until: 2027-01-31}
    #[command(verbatim_doc_comment)]
    Check(PolicyCheckArgs),
}

/// `policy check`.
#[derive(Debug, Args)]
pub struct PolicyCheckArgs {
    /// Images, as an engine is asked for them
    #[arg(value_name = "IMAGE")]
    pub images: Vec<String>,
    /// The containers that run on this host; needs root
    #[arg(long)]
    pub running: bool,
    /// The policy; without it that of the configuration
    #[arg(short, long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Configuration file, for its `image_policy` and the places of container runtimes
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}
