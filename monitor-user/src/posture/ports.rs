//! Ports as images and engines declare them: `80/tcp`, a range `8000-8010/tcp`, or a number alone,
//! which is TCP's.

/// Whether a list of them, with spaces, has a port.
#[must_use]
pub fn holds(declared: &str, port: u16, protocol: &str) -> bool {
    declared.split_whitespace().any(|one| {
        let (ports, of) = one.split_once('/').unwrap_or((one, "tcp"));
        let (from, to) = ports.split_once('-').unwrap_or((ports, ports));
        let range = from.parse::<u16>().ok().zip(to.parse::<u16>().ok());
        of == protocol && range.is_some_and(|(from, to)| (from..=to).contains(&port))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_of_its_protocol_and_may_be_in_a_range() {
        let declared = "53 80/tcp 8000-8010/tcp 53/udp x/tcp 9-/tcp";
        for (port, protocol, expected) in [
            (80, "tcp", true),
            (80, "udp", false),
            (53, "tcp", true),
            (53, "udp", true),
            (8000, "tcp", true),
            (8010, "tcp", true),
            (8011, "tcp", false),
            (9, "tcp", false),
        ] {
            assert_eq!(holds(declared, port, protocol), expected, "{port}/{protocol}");
        }
        assert!(!holds("", 80, "tcp"));
    }
}
