//! When an image was made, and of which layers: its name leads to an index or a manifest, and that
//! to a configuration. Whoever made the image wrote all of them.

use containerd_client::{
    services::v1::{
        GetImageRequest, ReadContentRequest, content_client::ContentClient,
        images_client::ImagesClient,
    },
    tonic::transport::Channel,
};
use serde::{Deserialize, de::DeserializeOwned};

use super::{Question, in_namespace, reason};
use crate::{event::Reason, limits::IMAGE_DOCUMENT_BYTES, metadata::images::docker::ImageConfig};

/// What is read of an index or a manifest.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Document {
    pub(super) manifests: Vec<Entry>,
    pub(super) config: Option<Entry>,
    pub(super) layers: Vec<Entry>,
}

/// What is known of an image.
#[derive(Clone, Debug, Default)]
pub(super) struct Made {
    /// When it was made, as its configuration says; empty where it says nothing.
    pub(super) created: String,
    /// Its layers, as the id of their chain.
    pub(super) layers: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Entry {
    pub(super) digest: String,
    pub(super) size: u64,
    platform: Platform,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Platform {
    os: String,
    architecture: String,
}

/// The digest of what an image's name leads to.
pub(super) async fn target(channel: Channel, question: Question<'_>) -> Result<String, Reason> {
    let message = GetImageRequest { name: question.name.to_owned() };
    let request = in_namespace(message, question.namespace)?;
    let answer = ImagesClient::new(channel).get(request).await.map_err(|s| reason(&s))?;
    let target = answer.into_inner().image.and_then(|image| image.target);
    Ok(target.ok_or(Reason::Gone)?.digest)
}

/// What the configuration of an image says.
pub(super) async fn made(
    channel: Channel,
    question: Question<'_>,
    target: &str,
) -> Result<Made, Reason> {
    let mut document: Document = read(&channel, question, target).await?;
    if !document.manifests.is_empty() {
        let own = own(&document.manifests).ok_or(Reason::NotApplicable)?;
        document = read(&channel, question, own).await?;
    }
    let config = document.config.ok_or(Reason::NotApplicable)?;
    let config: ImageConfig = read(&channel, question, &config.digest).await?;
    let layers = config.chains().pop().unwrap_or_default();
    Ok(Made { created: config.created.unwrap_or_default(), layers })
}

/// The one for this machine.
pub(super) fn own(manifests: &[Entry]) -> Option<&str> {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let is_own = |entry: &&Entry| {
        entry.platform.os == "linux" && entry.platform.architecture == architecture
    };
    let only = manifests.first().filter(|_| manifests.len() == 1);
    manifests.iter().find(is_own).or(only).map(|entry| &*entry.digest)
}

/// Reads what has a digest, if it is as small as such documents are.
pub(super) async fn read<T: DeserializeOwned>(
    channel: &Channel,
    question: Question<'_>,
    digest: &str,
) -> Result<T, Reason> {
    let message = ReadContentRequest { digest: digest.to_owned(), offset: 0, size: 0 };
    let request = in_namespace(message, question.namespace)?;
    let answer = ContentClient::new(channel.clone()).read(request).await;
    let mut pieces = answer.map_err(|status| reason(&status))?.into_inner();
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.message().await.map_err(|status| reason(&status))? {
        bytes.extend_from_slice(&piece.data);
        if bytes.len() > IMAGE_DOCUMENT_BYTES {
            return Err(Reason::TooLarge);
        }
    }
    serde_json::from_slice(&bytes).map_err(|_none| Reason::NotApplicable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_index_the_manifest_for_this_machine_counts() {
        let entry = |digest: &str, os: &str, architecture: &str| Entry {
            digest: digest.to_owned(),
            size: 0,
            platform: Platform { os: os.to_owned(), architecture: architecture.to_owned() },
        };
        let all = [
            entry("a", "unknown", "unknown"),
            entry("b", "windows", "amd64"),
            entry("c", "linux", "amd64"),
            entry("d", "linux", "arm64"),
        ];
        let expected = if std::env::consts::ARCH == "aarch64" { "d" } else { "c" };
        assert_eq!(own(&all), Some(expected));
        assert_eq!(own(&all[..2]), None);
        assert_eq!(own(&[entry("x", "", "")]), Some("x"));
    }
}
