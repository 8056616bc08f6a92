//! Which requests are answered: who asks must be a browser on this host, sent there by nobody else.

use hyper::{
    HeaderMap, Method, StatusCode,
    header::{AUTHORIZATION, COOKIE, HOST, ORIGIN},
};

use super::secret::Secrets;

/// Why a request is not answered: the code, and what to do.
pub(super) type Refusal = (StatusCode, &'static str);

const HOSTS: Refusal = (
    StatusCode::FORBIDDEN,
    "open it as localhost, 127.0.0.1 or [::1]: under another name it could be another's page\n",
);
const ELSEWHERE: Refusal =
    (StatusCode::FORBIDDEN, "another page may not ask this: open the page itself\n");
const UNKNOWN: Refusal = (
    StatusCode::UNAUTHORIZED,
    "the token is missing: open the address that `runmon web` tells, as who started the daemon\n",
);

/// The header that has the key.
const KEY: &str = "x-runmon-key";

/// What every request must be.
pub(super) fn check_all(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    match (host, hosts.next()) {
        (Some(host), None) if is_local(host) => Ok(()),
        _ => Err(HOSTS),
    }
}

/// What a request for what is secret must be, beside that: sent by the page itself.
pub(super) fn check_own(headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    // Browsers say where a request comes from. Other programs do not, and know the token.
    let is_own = text("sec-fetch-site").is_none_or(|site| ["same-origin", "none"].contains(&site));
    let host = text(HOST.as_str()).unwrap_or_default();
    let is_same = text(ORIGIN.as_str())
        .is_none_or(|origin| origin.strip_prefix("http://").is_some_and(|it| it == host));
    if is_own && is_same { Ok(()) } else { Err(ELSEWHERE) }
}

/// Whether it has the cookie, and the key that only the page itself knows.
pub(super) fn check_session(headers: &HeaderMap, secrets: &Secrets) -> Result<(), Refusal> {
    let port = port(headers);
    let mut cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let key = headers.get(KEY).and_then(|key| key.to_str().ok()).unwrap_or_default();
    let is_known = cookies.any(|cookies| secrets.is_in(cookies, port)) && secrets.is_key(key);
    if is_known { Ok(()) } else { Err(UNKNOWN) }
}

/// The port that the browser asks: where it was led here from another, that is not ours.
pub(super) fn port(headers: &HeaderMap) -> u16 {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let port = host.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    port.unwrap_or(80)
}

/// Whether it has the token.
pub(super) fn check_token(headers: &HeaderMap, secrets: &Secrets) -> Result<(), Refusal> {
    let told = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = told.and_then(|told| told.strip_prefix("Bearer ")).unwrap_or_default();
    if secrets.is_token(token) { Ok(()) } else { Err(UNKNOWN) }
}

/// Whether a method is the one that is right for a path.
pub(super) fn check_method(method: &Method, right: &Method) -> Result<(), Refusal> {
    match method == right {
        true => Ok(()),
        false => Err((StatusCode::METHOD_NOT_ALLOWED, "only GET, and POST for /session\n")),
    }
}

/// Whether a host is this one, with any port: one that ssh leads here is another.
fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((name, port)) if port.is_empty() || port.starts_with(':') => name,
            _ => return false,
        },
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_loopback = |name: &str| name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    name.eq_ignore_ascii_case("localhost") || is_loopback(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (hyper::header::HeaderName::from_static(name), value.parse().unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn only_names_of_this_host_are_answered() {
        for host in ["localhost", "LocalHost:1", "127.0.0.1:9754", "127.1.2.3", "[::1]:8080"] {
            assert!(check_all(&headers(&[("host", host)])).is_ok(), "{host}");
        }
        for host in ["", "evil.example", "127.0.0.1.evil.example", "192.0.2.1", "[::2]", "[::1]x"] {
            assert_eq!(check_all(&headers(&[("host", host)])), Err(HOSTS), "{host}");
        }
        assert_eq!(check_all(&headers(&[])), Err(HOSTS));
        let mut two = headers(&[("host", "localhost")]);
        two.append(HOST, "evil.example".parse().unwrap());
        assert_eq!(check_all(&two), Err(HOSTS));
    }

    #[test]
    fn the_port_is_the_one_that_the_browser_asks() {
        for (host, expected) in
            [("localhost", 80), ("127.0.0.1:9754", 9754), ("[::1]", 80), ("[::1]:8080", 8080)]
        {
            assert_eq!(port(&headers(&[("host", host)])), expected, "{host}");
        }
    }

    #[test]
    fn other_pages_ask_nothing() {
        let at = ("host", "127.0.0.1:9754");
        for own in [
            &[at][..],
            &[at, ("sec-fetch-site", "same-origin")],
            &[at, ("sec-fetch-site", "none")],
            &[at, ("origin", "http://127.0.0.1:9754")],
        ] {
            assert!(check_own(&headers(own)).is_ok(), "{own:?}");
        }
        for other in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "http://127.0.0.1:9999"),
            ("origin", "https://127.0.0.1:9754"),
            ("origin", "null"),
        ] {
            assert_eq!(check_own(&headers(&[at, other])), Err(ELSEWHERE), "{other:?}");
        }
    }
}
