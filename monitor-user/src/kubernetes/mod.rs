//! What the cluster's API tells of this node's pods, and of services, where it is asked: off the
//! line, one thread for each kind of object. Each lists what there is and watches what changes;
//! what it learns goes to the metadata task, and nothing else comes back.
//!
//! What the API answers is bytes of another machine: they are bounded, parsed only as far as they
//! are used, and only by the process without privileges.

pub mod told;

#[cfg(feature = "kubernetes")]
mod client;
#[cfg(feature = "kubernetes")]
mod lines;
#[cfg(feature = "kubernetes")]
mod objects;
#[cfg(feature = "kubernetes")]
mod pause;
#[cfg(feature = "kubernetes")]
mod watch;

use std::path::PathBuf;
#[cfg(feature = "kubernetes")]
use std::{io, sync::Arc};

#[cfg(feature = "kubernetes")]
use crate::{metadata::Intake, reach::Reach};
#[cfg(feature = "kubernetes")]
pub use client::{ClientError, check};

/// Which API is asked, for what, and how it knows us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubernetesOptions {
    /// Where it is: `https://` and a host, with a port if need be.
    pub server: String,
    /// The token that is sent; it is read again for each request.
    pub token_file: PathBuf,
    /// Certificates of those who may certify the server.
    pub ca_file: PathBuf,
    /// The node whose pods are asked for.
    pub node: String,
    /// Whether services are asked for: those of the whole cluster.
    pub services: bool,
}

impl KubernetesOptions {
    /// The files that are read.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files = vec![self.token_file.clone()];
        if self.is_encrypted() {
            files.push(self.ca_file.clone());
        }
        files
    }

    fn is_encrypted(&self) -> bool {
        self.server.starts_with("https://")
    }
}

/// Starts the threads. They end with the process, or once nobody takes what they bring.
///
/// # Errors
///
/// The host has no room for another thread, or the keeper is gone.
#[cfg(feature = "kubernetes")]
pub fn start(
    options: &KubernetesOptions,
    intake: &Intake,
    mut files: impl FnMut() -> io::Result<Box<dyn Reach>>,
) -> io::Result<()> {
    let options = Arc::new(options.clone());
    let mut kinds = vec![watch::Kind::Pods];
    if options.services {
        kinds.push(watch::Kind::Services);
    }
    for kind in kinds {
        let client = client::Client::new(Arc::clone(&options), kind, files()?);
        let watch = watch::Watch::new(client, kind, &options.node, intake.clone());
        std::thread::Builder::new().name(kind.path().into()).spawn(move || watch.run())?;
    }
    Ok(())
}
