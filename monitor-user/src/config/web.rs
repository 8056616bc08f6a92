//! Where the web page is: on this host, and nowhere else.

use std::{net::SocketAddr, path::PathBuf};

use super::{Wrong, address, wrong};

/// Longest path of a socket, as `sockaddr_un` has it, without its end.
const SOCKET_PATH: usize = 107;

/// Where the web page is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebListen {
    /// On an address of the loopback interface.
    Tcp(SocketAddr),
    /// On a socket, which only its owner can open.
    Unix(PathBuf),
}

/// As it is written; what others than this host could reach is refused.
pub(super) fn listen(text: Option<&str>) -> Result<Option<WebListen>, Wrong> {
    let Some(text) = text else { return Ok(None) };
    let refuse = |what: String| wrong("web.listen", what);
    if let Some(path) = text.strip_prefix("unix:") {
        if !path.starts_with('/') || path.ends_with('/') || path.len() > SOCKET_PATH {
            return refuse(format!(
                "`{path}` is no path for a socket: it begins with `/` and has at most \
                 {SOCKET_PATH} bytes, as unix:/run/runmon/web.sock"
            ));
        }
        return Ok(Some(WebListen::Unix(path.into())));
    }
    match address::parse(text) {
        Ok(address) if address.ip().is_loopback() => Ok(Some(WebListen::Tcp(address))),
        Ok(address) => refuse(format!(
            "others than this host can reach {}: use 127.0.0.1:{port}, [::1]:{port} or \
             unix:/run/runmon/web.sock; from elsewhere, `ssh -L {port}:127.0.0.1:{port} HOST` \
             leads there",
            address.ip(),
            port = address.port()
        )),
        Err(what) => refuse(format!("{what}, and no unix:/run/runmon/web.sock")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_on_this_host_only() {
        let read = |text: &str| listen(Some(text)).map_err(|wrong| wrong.what);
        let tcp = |text: &str| Ok(Some(WebListen::Tcp(text.parse().unwrap())));
        assert_eq!(listen(None).map_err(|wrong| wrong.what), Ok(None));
        assert_eq!(read("127.0.0.1:9754"), tcp("127.0.0.1:9754"));
        assert_eq!(read("127.9.9.9:0"), tcp("127.9.9.9:0"));
        assert_eq!(read("::1:9754"), tcp("[::1]:9754"));
        let socket = Ok(Some(WebListen::Unix("/run/r.sock".into())));
        assert_eq!(read("unix:/run/r.sock"), socket);
        for far in ["0.0.0.0:9754", "[::]:9754", "192.0.2.1:9754", "[::ffff:127.0.0.1]:9754"] {
            let what = read(far).unwrap_err();
            assert!(what.contains("use 127.0.0.1:9754") && what.contains("ssh -L"), "{what}");
        }
        for wrong in ["unix:", "unix:web.sock", "unix:/run/", &format!("unix:/{}", "x".repeat(107))]
        {
            assert!(read(wrong).unwrap_err().contains("no path for a socket"), "{wrong}");
        }
        assert!(read("localhost:9754").unwrap_err().contains("no address with a port"));
    }
}
