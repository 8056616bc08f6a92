//! What the checks say of how listeners are spoken to.

use super::hello::Class;
use crate::{
    posture::listeners::Listener,
    state::{Assessment, Check, Status},
};

/// Of a list that a text names, so many.
const SHOWN: usize = 8;

/// One who is spoken to without TLS fails, and what is not known is not passed.
pub(in crate::posture) fn judge(
    listeners: Result<&[Listener], &str>,
    check: &'static Check,
) -> Assessment {
    let (status, text, evidence) = match listeners {
        Err(why) => (Status::Unknown, why.to_owned(), Vec::new()),
        Ok(all) => {
            let mut all: Vec<&Listener> = all.iter().filter(|it| &*it.protocol == "tcp").collect();
            all.sort_by_key(|it| (it.port, it.address));
            of_all(&all)
        }
    };
    Assessment { check, status, text, evidence }
}

type Said = (Status, String, Vec<(&'static str, String)>);

fn of_all(all: &[&Listener]) -> Said {
    let plain = |it: &&&Listener| it.heard.class == Some(Class::Plaintext);
    let unknown = |it: &&&Listener| it.heard.class.is_none();
    // The text stays the same while nothing changes, however many connections there are.
    let ports = |some: &dyn Fn(&&&Listener) -> bool| {
        let mut ports: Vec<String> =
            all.iter().filter(some).map(|it| format!("{}/tcp", it.port)).collect();
        ports.dedup();
        ports
    };
    let evidence = || vec![("listeners", list(all.iter().map(|it| said(it)).collect(), "; "))];
    if all.iter().any(|it| plain(&it)) {
        return (Status::Fail, list(ports(&plain), " "), evidence());
    }
    match all.iter().find(unknown) {
        Some(first) => {
            let ports = list(ports(&unknown), " ");
            (Status::Unknown, format!("{ports}: {}", first.heard.unknown()), evidence())
        }
        None if all.is_empty() => (Status::Pass, String::new(), Vec::new()),
        None => (Status::Pass, list(all.iter().map(|it| short(it)).collect(), "; "), evidence()),
    }
}

fn list(mut all: Vec<String>, between: &str) -> String {
    let more = all.len().saturating_sub(SHOWN);
    all.truncate(SHOWN);
    let shown = all.join(between);
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

fn short(listener: &Listener) -> String {
    let class = listener.heard.class.map_or_else(|| "unknown".to_owned(), |it| it.to_string());
    format!("{}/tcp {class}", listener.port)
}

fn said(listener: &Listener) -> String {
    let heard = &listener.heard;
    let place = std::net::SocketAddr::new(listener.address, listener.port);
    let class = heard.class.map_or_else(|| heard.unknown(), |it| it.to_string());
    let (connections, seconds) = (heard.connections, heard.listened.as_secs());
    format!("{place} {class} ({connections} connections looked at in {seconds} s)")
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Heard, Mutual},
        *,
    };
    use crate::posture::checks::PLAINTEXT_LISTENER;

    fn listener(port: u16, class: Option<Class>) -> Listener {
        let heard = Heard { class, connections: u64::from(class.is_some()), ..Heard::default() };
        Listener { heard, ..Listener::at("tcp", "0.0.0.0", port) }
    }

    #[test]
    fn one_without_tls_fails_and_what_is_not_known_does_not_pass() {
        let tls = Some(Class::Tls { version: 0x303, mutual: Mutual::Asked });
        let said = |all: &[Listener]| {
            let it = judge(Ok(all), &PLAINTEXT_LISTENER);
            (it.status, it.text)
        };
        let (one, other) = (listener(443, tls), listener(80, Some(Class::Plaintext)));
        let unknown = listener(81, None);
        assert_eq!(said(&[]), (Status::Pass, String::new()));
        assert_eq!(said(&[Listener::at("udp", "0.0.0.0", 53)]), (Status::Pass, String::new()));
        let text = "443/tcp TLS 1.2, client certificate asked for".to_owned();
        assert_eq!(said(std::slice::from_ref(&one)), (Status::Pass, text));
        let text = "81/tcp: it was not listened to".to_owned();
        assert_eq!(said(&[one.clone(), unknown.clone()]), (Status::Unknown, text));
        let all = [one, unknown, other.clone(), other];
        assert_eq!(said(&all), (Status::Fail, "80/tcp".to_owned()));
        let found = judge(Ok(&all), &PLAINTEXT_LISTENER);
        assert!(
            found.evidence[0].1.starts_with("0.0.0.0:80 plaintext (1 connections"),
            "{found:?}"
        );
        assert_eq!(judge(Err("why"), &PLAINTEXT_LISTENER).status, Status::Unknown);
    }
}
