//! Package URLs: `pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12`.

/// A package URL, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Purl {
    /// As `deb` or `npm`, in lower case.
    pub kind: String,
    /// What the name is within; empty where there is none.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The version; empty where none is said.
    pub version: String,
    /// The others, by name.
    pub qualifiers: Vec<(String, String)>,
}

impl Purl {
    /// Reads one. None if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("pkg:")?.trim_start_matches('/');
        let text = text.split('#').next()?;
        let (path, qualifiers) = text.split_once('?').unwrap_or((text, ""));
        let (kind, path) = path.split_once('/')?;
        // A scope of npm's may be written with its `@`, which then begins a part.
        let at = path.rfind('@').filter(|at| *at > 0 && !path.get(..*at).is_some_and(is_scope));
        let (path, version) = match at.and_then(|at| path.split_at_checked(at)) {
            Some((path, version)) => (path, version.get(1..)?),
            None => (path, ""),
        };
        let (namespace, name) = path.rsplit_once('/').unwrap_or(("", path));
        let qualifiers = qualifiers.split('&').filter_map(|pair| pair.split_once('='));
        let purl = Self {
            kind: kind.to_ascii_lowercase(),
            namespace: decode(namespace)?,
            name: decode(name)?,
            version: decode(version)?,
            qualifiers: qualifiers
                .map(|(key, value)| Some((key.to_ascii_lowercase(), decode(value)?)))
                .collect::<Option<_>>()?,
        };
        (!purl.name.is_empty() && !purl.kind.is_empty()).then_some(purl)
    }

    /// A qualifier.
    #[must_use]
    pub fn qualifier(&self, key: &str) -> Option<&str> {
        let mut found = self.qualifiers.iter().filter(|(name, _)| name == key);
        found.next().map(|(_, value)| value.as_str())
    }

    /// The name with what it is within, as registries write it.
    #[must_use]
    pub fn full_name(&self, separator: char) -> String {
        match self.namespace.as_str() {
            "" => self.name.clone(),
            namespace => format!("{namespace}{separator}{}", self.name),
        }
    }

    /// Whether what this one says is said by the other, which may say more.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let is_same = |(key, value): &(String, String)| other.qualifier(key) == Some(value);
        self.kind == other.kind
            && self.namespace == other.namespace
            && self.name == other.name
            && (self.version.is_empty() || self.version == other.version)
            && self.qualifiers.iter().all(is_same)
    }
}

/// Whether what stands before an `@` ends within a part that has begun with nothing else.
fn is_scope(before: &str) -> bool {
    before.ends_with('/')
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_read_by_their_parts() {
        let text =
            "pkg:deb/debian/libssl3@1%3A3.0.11-1?arch=amd64&distro=debian-12&upstream=openssl";
        let purl = Purl::parse(text).unwrap();
        assert_eq!((purl.kind.as_str(), purl.namespace.as_str()), ("deb", "debian"));
        assert_eq!((purl.name.as_str(), purl.version.as_str()), ("libssl3", "1:3.0.11-1"));
        assert_eq!(purl.qualifier("upstream"), Some("openssl"));
        for scoped in ["pkg:npm/%40babel/core@7.0.0", "pkg:npm/@babel/core@7.0.0"] {
            let purl = Purl::parse(scoped).unwrap();
            assert_eq!((purl.full_name('/'), purl.version), ("@babel/core".into(), "7.0.0".into()));
        }
        assert_eq!(Purl::parse("pkg:npm/@babel/core").unwrap().full_name('/'), "@babel/core");
        let go = Purl::parse("pkg:golang/golang.org/x/net@v0.7.0#http2").unwrap();
        assert_eq!(
            (go.full_name('/').as_str(), go.version.as_str()),
            ("golang.org/x/net", "v0.7.0")
        );
        assert_eq!(Purl::parse("pkg:npm/a%4"), None);
        assert_eq!(Purl::parse("pkg:npm"), None);
    }

    #[test]
    fn one_that_says_less_covers_one_that_says_more() {
        let covers =
            |one: &str, two: &str| Purl::parse(one).unwrap().covers(&Purl::parse(two).unwrap());
        assert!(covers("pkg:npm/a", "pkg:npm/a@1"));
        assert!(covers("pkg:deb/debian/a?arch=amd64", "pkg:deb/debian/a@1?arch=amd64&distro=x"));
        assert!(!covers("pkg:npm/a@2", "pkg:npm/a@1"));
        assert!(!covers("pkg:deb/debian/a?arch=arm64", "pkg:deb/debian/a@1?arch=amd64"));
    }
}
