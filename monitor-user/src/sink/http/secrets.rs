//! What a receiver is sent and nobody else is to read: a receiver may repeat it in an answer, and
//! answers are logged.

use std::fmt;

use super::{
    HttpOptions,
    answer::{Fate, Verdict},
};

/// Stands for a secret.
const HIDDEN: &str = "…";

/// Bytes of a secret at least: shorter texts are in everything that is said.
const SECRET: usize = 4;
/// The same of a part of a path, most of which are words.
const PART: usize = 16;

/// Texts that are not told, the longest first.
#[derive(Clone, Default)]
pub(super) struct Secrets(Vec<String>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

impl Secrets {
    /// Those of requests: the token, the values of headers, and what the address has behind the
    /// host, unless that is the same for all.
    pub(super) fn new(options: &HttpOptions, authorization: Option<&str>) -> Self {
        let mut all = Vec::new();
        // A token stands behind what says of which sort it is.
        let mut add = |value: &str, least: usize| {
            let second = value.split_once(' ').map_or("", |(_, second)| second.trim());
            for secret in [value, second].into_iter().filter(|it| it.len() >= least) {
                let in_json = serde_json::Value::from(secret).to_string();
                all.extend([in_json.trim_matches('"').to_owned(), secret.to_owned()]);
            }
        };
        authorization.into_iter().for_each(|value| add(value, SECRET));
        options.headers.iter().for_each(|(_, value)| add(value, SECRET));
        let (_, rest) = parts(&options.url);
        if rest != options.preset.path() {
            let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
            [rest, path, query].into_iter().for_each(|text| add(text, SECRET));
            path.split('/').for_each(|part| add(part, PART));
            let values = query.split('&').filter_map(|pair| Some(pair.split_once('=')?.1));
            values.for_each(|value| add(value, SECRET));
        }
        all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        all.dedup();
        Self(all)
    }

    /// A text without them.
    pub(super) fn hide(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, HIDDEN))
    }

    /// What becomes of documents, with reasons that can be logged.
    pub(super) fn hide_in(&self, verdict: Verdict) -> Verdict {
        match verdict {
            Verdict::All(fate) => Verdict::All(self.fate(fate)),
            Verdict::Each(fates) => {
                Verdict::Each(fates.into_iter().map(|fate| self.fate(fate)).collect())
            }
        }
    }

    fn fate(&self, fate: Fate) -> Fate {
        match fate {
            Fate::Taken | Fate::Again => fate,
            Fate::Refused(why) => Fate::Refused(self.hide(&why)),
            Fate::Later(why) => Fate::Later(self.hide(&why)),
            Fate::Failed(why) => Fate::Failed(self.hide(&why)),
        }
    }
}

/// An address as it is logged: scheme, host and port. Paths and queries of webhooks are secrets.
pub(super) fn place(url: &str) -> &str {
    parts(url).0
}

/// Scheme, host and port of an address, and what is behind them.
fn parts(url: &str) -> (&str, &str) {
    let host = url.find("://").map_or(0, |at| at + "://".len());
    let length = url.get(host..).and_then(|rest| rest.find(['/', '?', '#']));
    let end = length.map_or(url.len(), |length| host + length);
    url.split_at_checked(end).unwrap_or((url, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(url: &str, headers: &[&str], authorization: Option<&str>) -> Secrets {
        let headers = headers.iter().map(|value| ("x".to_owned(), (*value).to_owned()));
        let options = HttpOptions {
            url: url.to_owned(),
            headers: headers.collect(),
            ..super::super::tests::http(1)
        };
        Secrets::new(&options, authorization)
    }

    #[test]
    fn what_was_sent_is_not_told() {
        let headers = ["Key hunter2", "hunter2-more", "a\"b\"c", "1"];
        let secrets = secrets("http://h/", &headers, Some("Bearer t0ken"));
        let said = r#"Bearer t0ken t0ken hunter2 hunter2-more a"b"c a\"b\"c 1 /"#;
        assert_eq!(secrets.hide(said), "… … … … … … 1 /");
        let verdict = Verdict::Each(vec![Fate::Taken, Fate::Failed("t0ken".to_owned())]);
        let told = Verdict::Each(vec![Fate::Taken, Fate::Failed("…".to_owned())]);
        assert_eq!(secrets.hide_in(verdict), told);
        assert_eq!(format!("{secrets:?}"), "Secrets");
    }

    #[test]
    fn addresses_are_told_up_to_the_port() {
        let url = "https://h:8443/hooks/T0/aaaaaaaaaaaaaaaa?api_key=hunter2&v=1";
        let secrets = secrets(url, &[], None);
        let said = "no hunter2 at /hooks/T0/aaaaaaaaaaaaaaaa, none is aaaaaaaaaaaaaaaa; hooks v=1";
        assert_eq!(secrets.hide(said), "no … at …, none is …; hooks v=1");
        for (url, told) in
            [(url, "https://h:8443"), ("http://h?a", "http://h"), ("http://h", "http://h")]
        {
            assert_eq!(place(url), told);
        }
        let wrong = super::super::url("ftp://h/secret", crate::sink::http::Preset::Webhook);
        assert_eq!(wrong.unwrap_err(), "`ftp://h` is no http:// or https:// address");
    }
}
