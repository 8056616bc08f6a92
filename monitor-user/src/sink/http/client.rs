//! Requests to a receiver. Files with secrets and certificates are read again for each new
//! connection, so that they can be replaced.

use std::{
    fmt,
    io::{self, Read},
    path::Path,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use ureq::{
    Agent, Proxy,
    tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem},
};

use super::{
    HttpOptions,
    answer::{HttpAnswer, retry_after},
    secrets::Secrets,
};
use crate::{
    limits::{HTTP_ANSWER_BYTES, SINK_FILE_BYTES},
    reach::Reach,
    sink::trouble::Why,
};

/// How long a name may take to be resolved, a connection to be made, and a request with its answer
/// in all.
const RESOLVE: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(30);
/// Of that, how long the rest of an answer may take once its status is there.
const BODY: Duration = Duration::from_secs(5);

/// How long a connection is used, and how long it may be idle: certificates and tokens that were
/// replaced are used by then.
const USED_FOR: Duration = Duration::from_secs(60);
const IDLE_FOR: Duration = Duration::from_secs(10);

/// A proxy, with who may use it.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl(Proxy);

impl ProxyUrl {
    /// Reads `http://[USER:PASSWORD@]HOST:PORT`.
    ///
    /// # Errors
    ///
    /// It is something else. What it is, is not repeated: it may hold a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "it is no http://[USER:PASSWORD@]HOST:PORT".to_owned();
        if !text.starts_with("http://") {
            return Err(wrong());
        }
        Proxy::new(text).map(Self).map_err(|_| wrong())
    }
}

/// Who may use it is told to nobody.
impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyUrl({}:{})", self.0.host(), self.0.port())
    }
}

/// A connection and what was read for it.
struct Link {
    agent: Agent,
    authorization: Option<String>,
    made: Instant,
    used: Option<Instant>,
}

impl Link {
    fn is_old(&self) -> bool {
        self.made.elapsed() > USED_FOR || self.used.is_some_and(|used| used.elapsed() > IDLE_FOR)
    }
}

/// Who makes requests.
pub(super) struct Client {
    reach: Box<dyn Reach>,
    link: Option<Link>,
}

impl Client {
    pub(super) fn new(reach: Box<dyn Reach>) -> Self {
        Self { reach, link: None }
    }

    /// Sends a body and waits for the answer. What fails on a connection from before, which the
    /// receiver may have closed meanwhile, is tried at once on a new one.
    ///
    /// # Errors
    ///
    /// There is no answer: why.
    pub(super) fn post(
        &mut self,
        options: &HttpOptions,
        content_type: &str,
        body: &[u8],
    ) -> Result<HttpAnswer, Why> {
        let mut link = match self.link.take().filter(|link| !link.is_old()) {
            Some(link) => link,
            None => self.open(options)?,
        };
        let mut answered = send(&link, options, content_type, body);
        if answered.is_err() && link.used.is_some() {
            link = self.open(options)?;
            answered = send(&link, options, content_type, body);
        }
        let mut answer = answered?;
        link.used = Some(Instant::now());
        answer.secrets = Secrets::new(options, link.authorization.as_deref());
        // A token that is not good any more may have been replaced.
        if !matches!(answer.status, 401 | 403) {
            self.link = Some(link);
        }
        Ok(answer)
    }

    fn open(&self, options: &HttpOptions) -> Result<Link, Why> {
        let authorization = match &options.token {
            None => None,
            Some(token) => {
                let secret = token.secret.read(&*self.reach)?;
                Some(format!("{} {secret}", token.scheme))
            }
        };
        let tls = self.tls(options)?;
        let config = Agent::config_builder()
            .timeout_resolve(Some(RESOLVE))
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(ANSWER))
            .timeout_recv_body(Some(BODY))
            .http_status_as_error(false)
            // A redirect is not an acknowledgement, and following one would turn POST into GET.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(options.proxy.as_ref().map(|proxy| proxy.0.clone()))
            .user_agent(concat!("runmon/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls)
            .build();
        Ok(Link { agent: config.into(), authorization, made: Instant::now(), used: None })
    }

    fn tls(&self, options: &HttpOptions) -> io::Result<TlsConfig> {
        let builder = TlsConfig::builder();
        let roots = match &options.tls.ca_file {
            None => RootCerts::WebPki,
            Some(path) => RootCerts::new_with_certs(&self.certificates(path)?),
        };
        let own = match &options.tls.own {
            None => None,
            Some((certificate, key)) => {
                let chain = self.certificates(certificate)?;
                let read = self.read(key)?;
                let key = PrivateKey::from_pem(&read).map_err(|_| none_in("key", key))?;
                Some(ClientCert::new_with_certs(&chain, key))
            }
        };
        Ok(builder.root_certs(roots).client_cert(own).build())
    }

    fn certificates(&self, path: &Path) -> io::Result<Vec<Certificate<'static>>> {
        let text = self.read(path)?;
        let certificates: Vec<_> = parse_pem(&text)
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            })
            .collect();
        if certificates.is_empty() { Err(none_in("certificate", path)) } else { Ok(certificates) }
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let named = |error| io::Error::other(format!("{}: {error}", path.display()));
        self.reach.read(path, SINK_FILE_BYTES).map_err(named)
    }
}

fn none_in(what: &str, path: &Path) -> io::Error {
    io::Error::other(format!("there is no {what} in {}", path.display()))
}

fn send(
    link: &Link,
    options: &HttpOptions,
    content_type: &str,
    body: &[u8],
) -> Result<HttpAnswer, ureq::Error> {
    let mut request = link.agent.post(&options.url).header("content-type", content_type);
    if options.gzip {
        request = request.header("content-encoding", "gzip");
    }
    for (name, value) in &options.headers {
        request = request.header(name, value);
    }
    if let Some(authorization) = &link.authorization {
        request = request.header("authorization", authorization);
    }
    let mut response = request.send(body)?;
    let status = response.status().as_u16();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let asked = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let now = i64::try_from(now).unwrap_or_default();
    let retry_after = asked.and_then(|text| retry_after(text, now));
    let (body, cut) = read_body(response.body_mut().as_reader());
    Ok(HttpAnswer { status, retry_after, body, cut, secrets: Secrets::default() })
}

/// What there is of a body, and why there is no more of it: the status has been said, whatever
/// comes of the rest.
fn read_body(from: impl Read) -> (Vec<u8>, Option<String>) {
    let mut body = Vec::new();
    let cut = match from.take(HTTP_ANSWER_BYTES + 1).read_to_end(&mut body) {
        Ok(_) if body.len() as u64 <= HTTP_ANSWER_BYTES => None,
        Ok(_) => Some(format!("it has more than {HTTP_ANSWER_BYTES} bytes")),
        Err(error) => Some(error.to_string()),
    };
    (body, cut)
}
