//! Requests to the API, over HTTP/1.1.

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ureq::{
    Agent, Body,
    tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem},
};

use super::{
    KubernetesOptions,
    watch::{Api, Kind, Trouble},
};
use crate::{
    limits::{CLUSTER_FILE_BYTES, CLUSTER_LIST_BYTES},
    reach::{Direct, Reach},
};

/// How long making a connection may take, until an answer begins, and a whole list.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(30);
const LIST: Duration = Duration::from_secs(60);

/// Seconds after which the server ends a watch, and how much later it is given up.
const WATCH_SECONDS: u64 = 290;
const PATIENCE_SECONDS: u64 = 20;

/// Objects of a page.
const PAGE: &str = "250";

/// Why the API cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A file cannot be read. In a pod without a token it is not there.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The token is none that can be sent.
    #[error("there is no token in {path}")]
    Token {
        /// The file.
        path: PathBuf,
    },
    /// There is no certificate.
    #[error("there is no certificate in {path}")]
    Certificates {
        /// The file.
        path: PathBuf,
    },
}

impl ClientError {
    /// What to do about it.
    #[must_use]
    pub fn cure(&self) -> &'static str {
        match self {
            Self::Read { .. } => {
                "a pod has it where `automountServiceAccountToken` is true, as with \
                 components/kubernetes-api; elsewhere `kubernetes.token_file` and `ca_file` name it"
            }
            Self::Token { .. } => "name a file with the token of a service account",
            Self::Certificates { .. } => "name a file of PEM with the cluster's own authority",
        }
    }
}

/// Looks whether the files are there that are needed to ask.
///
/// # Errors
///
/// They cannot be read, or have not what they should.
pub fn check(options: &KubernetesOptions) -> Result<(), ClientError> {
    token(&Direct, &options.token_file)?;
    if options.is_encrypted() {
        roots(&Direct, &options.ca_file)?;
    }
    Ok(())
}

fn read(reach: &dyn Reach, path: &Path) -> Result<Vec<u8>, ClientError> {
    let read = reach.read(path, CLUSTER_FILE_BYTES);
    read.map_err(|source| ClientError::Read { path: path.to_owned(), source })
}

fn token(reach: &dyn Reach, path: &Path) -> Result<String, ClientError> {
    let text = String::from_utf8(read(reach, path)?).unwrap_or_default();
    let token = text.trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ClientError::Token { path: path.to_owned() });
    }
    Ok(token.to_owned())
}

fn roots(reach: &dyn Reach, path: &Path) -> Result<RootCerts, ClientError> {
    let text = read(reach, path)?;
    let certificates: Vec<Certificate<'static>> = parse_pem(&text)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(ClientError::Certificates { path: path.to_owned() });
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

/// Asks for objects of one kind.
pub(super) struct Client {
    options: Arc<KubernetesOptions>,
    kind: Kind,
    reach: Box<dyn Reach>,
}

impl Client {
    pub(super) fn new(options: Arc<KubernetesOptions>, kind: Kind, reach: Box<dyn Reach>) -> Self {
        Self { options, kind, reach }
    }

    /// Makes a request, on a connection of its own: there is one in five minutes. Token and
    /// certificates are read for each, since they change while the pod runs.
    fn get(&self, query: &[(&str, &str)], body: Duration) -> Result<Body, Trouble> {
        let unreadable = |error: ClientError| Trouble::File(text(&error));
        let options = &self.options;
        let token = token(&*self.reach, &options.token_file).map_err(unreadable)?;
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            // The token goes nowhere else.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(ANSWER))
            .timeout_recv_body(Some(body));
        if options.is_encrypted() {
            let roots = roots(&*self.reach, &options.ca_file).map_err(unreadable)?;
            config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
        }
        let agent = Agent::from(config.build());
        let mut request = agent
            .get(format!("{}/api/v1/{}", options.server, self.kind.path()))
            .header("accept", "application/json")
            .header("authorization", format!("Bearer {token}"));
        let selector = format!("spec.nodeName={}", options.node);
        if self.kind == Kind::Pods {
            request = request.query("fieldSelector", &selector);
        }
        for (name, value) in query {
            request = request.query(name, value);
        }
        let answer = request.call().map_err(|error| Trouble::Connection(error.to_string()))?;
        match answer.status().as_u16() {
            200 => Ok(answer.into_body()),
            status => Err(Trouble::Status { status }),
        }
    }
}

fn text(error: &ClientError) -> String {
    let why = std::error::Error::source(error).map(ToString::to_string);
    why.map_or_else(|| error.to_string(), |why| format!("{error}: {why}"))
}

impl Api for Client {
    fn list(&mut self, next: Option<&str>, fresh: bool) -> Result<Box<dyn Read>, Trouble> {
        let mut query = vec![("limit", PAGE)];
        match next {
            Some(next) => query.push(("continue", next)),
            // What the server has at hand costs it next to nothing; else it reads its store.
            None if !fresh => query.push(("resourceVersion", "0")),
            None => {}
        }
        let body = self.get(&query, LIST)?;
        let reader = body.into_with_config().limit(CLUSTER_LIST_BYTES).reader();
        Ok(Box::new(BufReader::new(reader)))
    }

    fn watch(&mut self, version: &str) -> Result<Box<dyn BufRead>, Trouble> {
        let seconds = WATCH_SECONDS.to_string();
        let query = [
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", &seconds),
            ("resourceVersion", version),
        ];
        let body = self.get(&query, Duration::from_secs(WATCH_SECONDS + PATIENCE_SECONDS))?;
        // It has no end; each line has.
        let reader = body.into_with_config().limit(u64::MAX).reader();
        Ok(Box::new(BufReader::new(reader)))
    }
}

#[cfg(test)]
mod tests;
