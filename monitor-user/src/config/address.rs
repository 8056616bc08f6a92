//! Addresses to listen on, as people write them.

use std::net::{IpAddr, SocketAddr};

/// An address and a port. That of IPv6 may stand without brackets, since what it is made from, as
/// the address of a node, has none either.
///
/// # Errors
///
/// It is none: what would be one.
pub fn parse(text: &str) -> Result<SocketAddr, String> {
    let bare = || {
        let (address, port) = text.rsplit_once(':')?;
        Some(SocketAddr::new(address.parse::<IpAddr>().ok()?, port.parse().ok()?))
    };
    text.parse().ok().or_else(bare).ok_or_else(|| {
        format!("`{text}` is no address with a port, such as 127.0.0.1:9753 or [::1]:9753")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let read = |text: &str| parse(text).map(|address| address.to_string());
        for text in ["127.0.0.1:9753", "0.0.0.0:0", "[::1]:9753"] {
            assert_eq!(read(text), Ok(text.to_owned()));
        }
        assert_eq!(read("fd00::7:9753"), Ok("[fd00::7]:9753".to_owned()));
        for text in ["", ":", "9753", "127.0.0.1", "localhost:9753", "::1", "1.2.3.4:65536"] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(&format!("`{text}` is no address with a port")), "{error}");
        }
    }
}
