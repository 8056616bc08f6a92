//! Images that are to stay whatever else is true of them: patterns of references.

use super::Image;
use crate::policy::{
    pattern::Pattern,
    reference::{self, Name},
};

/// A pattern of references. A registry, its port, a path, a tag and a digest are told apart as in
/// references; without a tag all of them are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Except {
    text: String,
    repository: Option<Pattern>,
    tag: Option<Pattern>,
    digest: Option<String>,
}

impl Except {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// Why it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        // It is checked as what it would match.
        let sample = reference::parse(&text.replace('*', "x"))
            .map_err(|why| format!("it is no pattern of image references: {why}"))?;
        let (text, none) = (text.to_owned(), None::<Pattern>);
        let sample = match sample {
            Name::Id(id) => {
                return Ok(Self { text, repository: none.clone(), tag: none, digest: Some(id) });
            }
            Name::Reference(it) => it,
        };
        let name = text.split_once('@').map_or(&*text, |(name, _)| name);
        let (name, tag) = match sample.tag {
            Some(_) => name.rsplit_once(':').map_or((name, None), |(name, tag)| (name, Some(tag))),
            None => (name, None),
        };
        let (registry, path) = reference::split_registry(name);
        let repository = Some(Pattern::new(&format!("{registry}/{path}")));
        let tag = tag.map(Pattern::new);
        Ok(Self { text, repository, tag, digest: sample.digest })
    }

    /// As it is written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether an image is one of those.
    #[must_use]
    pub fn matches(&self, image: &Image) -> bool {
        let has_digest = |digest: &str| {
            let references = image.names.iter().chain(&image.digests).chain([&image.id]);
            references.into_iter().any(|it| it.rsplit('@').next() == Some(digest))
                || image.id == digest.trim_start_matches("sha256:")
        };
        if let Some(digest) = &self.digest
            && has_digest(digest)
        {
            return true;
        }
        let Some(repository) = &self.repository else { return false };
        // With a digest the name beside it is only for people.
        self.digest.is_none()
            && image.names.iter().any(|name| match reference::parse(name) {
                Ok(Name::Reference(it)) => {
                    let tag = it.tag.as_deref().or(it.digest.is_none().then_some("latest"));
                    let is_tag = |wanted: &Pattern| tag.is_some_and(|tag| wanted.matches(tag));
                    repository.matches(&it.repository()) && self.tag.as_ref().is_none_or(is_tag)
                }
                _ => false,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_no_tag() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let image = |name: &str| Image {
            names: vec![name.to_owned()],
            digests: vec![digest.clone()],
            ..Image::default()
        };
        #[track_caller]
        fn check(pattern: &str, image: &Image, expected: bool) {
            let found = Except::parse(pattern).unwrap().matches(image);
            assert_eq!(found, expected, "{pattern} {:?}", image.names);
        }
        check("reg:5000/app:*", &image("reg:5000/app:1"), true);
        check("reg:5000/app:*", &image("reg:5000/other:1"), false);
        check("reg:5000/app:*", &image("reg/app:1"), false);
        check("reg:5000/app", &image("reg:5000/app:2"), true);
        check("reg:5000/**", &image("reg:5000/team/app:2"), true);
        check("nginx:1.*", &image("docker.io/library/nginx:1.27"), true);
        check("nginx:1.*", &image("nginx:2"), false);
        check("nginx:latest", &image("nginx"), true);
        check("nginx", &image("quay.io/nginx:1"), false);
        check(&digest, &image("x:1"), true);
        check(&format!("other@{digest}"), &image("x:1"), true);
        check(&format!("x:1@sha256:{}", "b".repeat(64)), &image("x:1"), false);
    }

    #[test]
    fn what_is_no_reference_is_no_pattern() {
        for text in ["", "a b", "a.b/", "App", "a.b/c:-", "a@b"] {
            assert!(Except::parse(text).is_err(), "{text}");
        }
    }
}
