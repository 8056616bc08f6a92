//! What is written of the cluster's API → whom to ask for what.

use std::path::PathBuf;

use super::{RawKubernetes, Wrong, wrong};
use crate::{kubernetes::KubernetesOptions, limits::CLUSTER_NAME_BYTES};

/// What the command line asks the cluster's API for, beside what the file says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    /// The pods of this node.
    pub api: bool,
    /// Services.
    pub services: bool,
}

/// Where pods find what they need to ask.
const SECRETS: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Hosts to which a token may go in plain text: this one.
const OWN: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

/// Whom to ask, if at all. `variable` says what an environment variable of this process is.
pub(super) fn kubernetes(
    raw: RawKubernetes,
    node: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<KubernetesOptions>, Wrong> {
    if !raw.api {
        if raw.services {
            return wrong("kubernetes.services", "nothing is asked while `api` is not true");
        }
        return Ok(None);
    }
    if cfg!(not(feature = "kubernetes")) {
        return wrong("kubernetes.api", "this runmon was built without it (feature `kubernetes`)");
    }
    let server = match raw.server {
        Some(server) => server.trim_end_matches('/').to_owned(),
        None => server_of_pods(variable)?,
    };
    check_server(&server)?;
    let is_node = (1..=CLUSTER_NAME_BYTES).contains(&node.len())
        && node.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'));
    if !is_node {
        let what = format!(
            "no node of a cluster can be called {node:?}: say its name with the key `node` or the \
             variable NODE_NAME"
        );
        return wrong("kubernetes.api", what);
    }
    let secret = |name: &str| PathBuf::from(SECRETS).join(name);
    let (token_file, ca_file) = (raw.token_file, raw.ca_file);
    for (key, file) in [("token_file", &token_file), ("ca_file", &ca_file)] {
        if file.as_ref().is_some_and(|file| !file.is_absolute()) {
            return wrong(format!("kubernetes.{key}"), "a path from the root is needed");
        }
    }
    Ok(Some(KubernetesOptions {
        server,
        token_file: token_file.unwrap_or_else(|| secret("token")),
        ca_file: ca_file.unwrap_or_else(|| secret("ca.crt")),
        node: node.to_owned(),
        services: raw.services,
    }))
}

/// Where a kubelet tells pods that the API is.
fn server_of_pods(variable: impl Fn(&str) -> Option<String>) -> Result<String, Wrong> {
    let said = |name: &str| variable(name).filter(|text| !text.is_empty());
    let Some(host) = said("KUBERNETES_SERVICE_HOST") else {
        let what = "this is no pod, since the variable KUBERNETES_SERVICE_HOST is not set: say \
                    where the API is, such as https://api.example:6443";
        return wrong("kubernetes.server", what);
    };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let port = said("KUBERNETES_SERVICE_PORT").unwrap_or_else(|| "443".to_owned());
    Ok(format!("https://{host}:{port}"))
}

fn check_server(server: &str) -> Result<(), Wrong> {
    let (scheme, rest) = server.split_once("://").unwrap_or(("", server));
    let (authority, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        Some(_) if !authority.ends_with(']') => "",
        _ => authority,
    };
    if !["https", "http"].contains(&scheme)
        || host.is_empty()
        || host.contains(['@', '?', '#', ' '])
    {
        let what = format!("`{server}` is not of the form https://HOST:PORT");
        return wrong("kubernetes.server", what);
    }
    if path.contains(['?', '#', ' ']) {
        return wrong(
            "kubernetes.server",
            format!("`{server}` asks for something: leave that out"),
        );
    }
    if scheme == "http" && !OWN.contains(&host) {
        let what = format!("a token goes to {host} over https only");
        return wrong("kubernetes.server", what);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::text;

    fn asked(text: &str, node: &str, variables: &[(&str, &str)]) -> Result<String, String> {
        let raw: RawKubernetes = text::value(if text.is_empty() { "{}" } else { text }).unwrap();
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        match kubernetes(raw, node, variable) {
            Ok(Some(options)) => Ok(format!("{} {}", options.server, options.token_file.display())),
            Ok(None) => Ok("-".to_owned()),
            Err(Wrong { key, what }) => Err(format!("{key}: {what}")),
        }
    }

    const IN_POD: [(&str, &str); 2] =
        [("KUBERNETES_SERVICE_HOST", "10.96.0.1"), ("KUBERNETES_SERVICE_PORT", "6443")];

    #[test]
    fn a_pod_is_told_where_the_api_is() {
        let secret = "/var/run/secrets/kubernetes.io/serviceaccount/token";
        assert_eq!(asked("", "Node 1", &IN_POD), Ok("-".to_owned()));
        let plain = asked("api: true", "n1.example", &IN_POD);
        assert_eq!(plain, Ok(format!("https://10.96.0.1:6443 {secret}")));
        let six = asked("api: true", "n1", &[("KUBERNETES_SERVICE_HOST", "fd00::1")]);
        assert_eq!(six, Ok(format!("https://[fd00::1]:443 {secret}")));
        let said = "api: true\nserver: \"https://api:6443/k/\"\ntoken_file: \"/t\"";
        assert_eq!(asked(said, "n1", &IN_POD), Ok("https://api:6443/k /t".to_owned()));
        let own = "api: true\nserver: \"http://[::1]:8001\"";
        assert_eq!(asked(own, "n1", &[]), Ok(format!("http://[::1]:8001 {secret}")));
    }

    #[test]
    fn what_cannot_be_asked_says_why() {
        let refused = |text: &str, expected: &str| {
            let found = asked(text, "n1", &[]);
            assert!(found.as_ref().is_err_and(|it| it.starts_with(expected)), "{found:?}");
        };
        refused("services: true", "kubernetes.services: nothing is asked while");
        refused("api: true", "kubernetes.server: this is no pod");
        for server in ["api:6443", "ftp://api", "https://", "https://u@api", "https://api:x"] {
            let text = format!("api: true\nserver: {server:?}");
            let shown = server.trim_end_matches('/');
            refused(&text, &format!("kubernetes.server: `{shown}` is not of the form"));
        }
        let text = "api: true\nserver: \"http://api:8001\"";
        refused(text, "kubernetes.server: a token goes to api over https only");
        let text = "api: true\nserver: \"https://api?x=1\"";
        assert!(asked(text, "n1", &[]).is_err());
        let text = "api: true\nserver: \"https://api\"\nca_file: \"ca.crt\"";
        refused(text, "kubernetes.ca_file: a path from the root is needed");
        let node = asked("api: true", "Node 1", &IN_POD).unwrap_err();
        assert!(node.starts_with("kubernetes.api: no node of a cluster can be called \"Node 1\""));
    }
}
