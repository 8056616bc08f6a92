//! Image references, by the grammar of the distribution specification: what an engine was asked
//! for, with what is left out filled in as engines do.

use std::fmt;

/// The registry of names without one.
const DEFAULT_REGISTRY: &str = "docker.io";

/// Where its images without a name of somebody are.
const DEFAULT_OWNER: &str = "library";

/// Bytes of a name at most.
const NAME_BYTES: usize = 255;

/// Bytes of a tag at most.
const TAG_BYTES: usize = 128;

/// Hexadecimal digits of a digest at least.
const DIGEST_DIGITS: usize = 32;

/// What kubelets and engines write before a reference.
const SCHEMES: [&str; 5] =
    ["docker-pullable://", "docker://", "containerd://", "cri-o://", "docker-image://"];

/// What an image is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// A place, with tag and digest as far as they are said.
    Reference(Reference),
    /// Only its id or digest, as `sha256:…`: it has no place.
    Id(String),
}

/// A reference, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The registry, with its port; in lower case.
    pub registry: String,
    /// The path there, such as `library/nginx`.
    pub path: String,
    /// The tag, if one is said.
    pub tag: Option<String>,
    /// The digest, if one is said.
    pub digest: Option<String>,
}

impl Reference {
    /// The repository: registry and path.
    #[must_use]
    pub fn repository(&self) -> String {
        format!("{}/{}", self.registry, self.path)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)?;
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

/// Reads what an image is called.
///
/// # Errors
///
/// Why it is no reference.
pub fn parse(text: &str) -> Result<Name, String> {
    let text = SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme)).unwrap_or(text);
    if is_digest(text) {
        return Ok(Name::Id(text.to_owned()));
    }
    if text.len() == 64 && is_hex(text) {
        return Ok(Name::Id(format!("sha256:{text}")));
    }
    let (text, digest) = match text.split_once('@') {
        Some((_, digest)) if !is_digest(digest) => {
            return Err(format!("`{digest}` is no digest, as `sha256:` and 64 digits"));
        }
        Some((name, digest)) => (name, Some(digest.to_owned())),
        None => (text, None),
    };
    // A colon before the last slash belongs to the port of a registry.
    let (name, tag) = match text.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (text, None),
    };
    if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
        return Err(format!("`{tag}` is no tag"));
    }
    let (registry, path) = split_registry(name);
    if name.len() > NAME_BYTES {
        return Err(format!("its name has more than {NAME_BYTES} bytes"));
    }
    if !is_registry(&registry) {
        return Err(format!("`{registry}` is no registry, as `HOST` or `HOST:PORT`"));
    }
    if let Some(part) = path.split('/').find(|part| !is_part(part)) {
        return Err(format!("`{part}` is no part of a repository's name"));
    }
    let tag = tag.map(str::to_owned);
    Ok(Name::Reference(Reference { registry, path, tag, digest }))
}

/// Registry and path of a name, or of a pattern for one, with what engines fill in.
pub(crate) fn split_registry(name: &str) -> (String, String) {
    let is_host = |part: &str| {
        part.contains(['.', ':', '[']) || part == "localhost" || part.to_lowercase() != part
    };
    let (registry, path) = match name.split_once('/') {
        Some((host, path)) if is_host(host) => (host.to_lowercase(), path.to_owned()),
        _ => (DEFAULT_REGISTRY.to_owned(), name.to_owned()),
    };
    let registry = plain_registry(registry);
    // Where somebody's name is left out, images are those of the library.
    let path = match registry == DEFAULT_REGISTRY && !path.contains('/') && !path.is_empty() {
        true => format!("{DEFAULT_OWNER}/{path}"),
        false => path,
    };
    (registry, path)
}

/// A registry under the one name that it has here.
pub(super) fn plain_registry(registry: String) -> String {
    match &*registry {
        "index.docker.io" | "registry-1.docker.io" => DEFAULT_REGISTRY.to_owned(),
        _ => registry,
    }
}

/// Whether it is a digest, as `sha256:` and digits.
#[must_use]
pub fn is_digest(text: &str) -> bool {
    let Some((algorithm, digits)) = text.split_once(':') else { return false };
    let mut starts = algorithm.bytes();
    starts.next().is_some_and(|first| first.is_ascii_alphabetic())
        && starts.all(|byte| byte.is_ascii_alphanumeric() || b"-_+.".contains(&byte))
        && digits.len() >= DIGEST_DIGITS
        && is_hex(digits)
        && (algorithm != "sha256" || digits.len() == 64)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_tag(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut bytes = text.bytes();
    text.len() <= TAG_BYTES
        && bytes.next().is_some_and(is_word)
        && bytes.all(|byte| is_word(byte) || byte == b'.' || byte == b'-')
}

fn is_registry(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    let is_host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(is_name) && !host.starts_with(['.', '-']),
    };
    is_host && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

fn is_part(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = [text.bytes().next(), text.bytes().next_back()];
    ends.into_iter().all(|byte| byte.is_some_and(is_word))
        && text.bytes().all(|byte| is_word(byte) || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[track_caller]
    fn check(text: &str, whole: &str) {
        let found = match parse(text) {
            Ok(Name::Reference(reference)) => reference.to_string(),
            Ok(Name::Id(id)) => format!("id {id}"),
            Err(why) => format!("no: {why}"),
        };
        assert_eq!(found, whole, "{text}");
    }

    #[test]
    fn what_is_left_out_is_filled_in_as_engines_do() {
        check("nginx", "docker.io/library/nginx");
        check("nginx:1.27", "docker.io/library/nginx:1.27");
        check("bitnami/redis", "docker.io/bitnami/redis");
        check("docker.io/nginx", "docker.io/library/nginx");
        check("index.docker.io/library/nginx", "docker.io/library/nginx");
        check("docker.io/a/b/c", "docker.io/a/b/c");
        check("localhost/app", "localhost/app");
        check("app/localhost", "docker.io/app/localhost");
        check(
            "docker-pullable://nginx@sha256:1",
            "no: `sha256:1` is no digest, as `sha256:` and \
            64 digits",
        );
    }

    #[test]
    fn registries_have_ports_and_tags_do_not() {
        check("localhost:5000/app:1", "localhost:5000/app:1");
        check("registry.example:5000/a/b", "registry.example:5000/a/b");
        check("Registry.Example/app", "registry.example/app");
        check("[::1]:5000/app:1", "[::1]:5000/app:1");
        check("host:99999/app", "no: `host:99999` is no registry, as `HOST` or `HOST:PORT`");
        // Without a slash what follows the colon is a tag.
        check("localhost:5000", "docker.io/library/localhost:5000");
    }

    #[test]
    fn digests_stand_behind_tags_or_alone() {
        check(&format!("a.b/c:1@{DIGEST}"), &format!("a.b/c:1@{DIGEST}"));
        check(&format!("docker-pullable://a.b/c@{DIGEST}"), &format!("a.b/c@{DIGEST}"));
        check(DIGEST, &format!("id {DIGEST}"));
        check(&DIGEST[7..], &format!("id {DIGEST}"));
    }

    #[test]
    fn what_is_no_reference_is_none() {
        check("", "no: `` is no part of a repository's name");
        check("a.b/", "no: `` is no part of a repository's name");
        check("a.b/C", "no: `C` is no part of a repository's name");
        check("a.b/../c", "no: `..` is no part of a repository's name");
        check("a.b/c:-1", "no: `-1` is no tag");
        check("a b", "no: `a b` is no part of a repository's name");
        check("a.b/\u{e9}", "no: `\u{e9}` is no part of a repository's name");
        check(&format!("a.b/{}", "x".repeat(300)), "no: its name has more than 255 bytes");
    }
}
