//! A NetworkPolicy: whom the pods of an image talk with.

use std::{collections::BTreeMap, net::IpAddr};

use super::{Exported, Form, comments, evidence, identifier, line, of, quoted};
use crate::profile::{
    Part, Profile, Thing,
    net::{Host, Protocol},
    paths::Order,
    thing::Destination,
};

/// The port of name servers.
const DNS: u16 = 53;
/// The number of SCTP.
const SCTP: u16 = 132;
/// Ports that the kernel chooses where nobody asks for one.
const EPHEMERAL: (u16, u16) = (32_768, 65_535);

/// Whom something goes to, as a policy can say it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Peer {
    /// Addresses.
    Block(String),
    /// Pods of a namespace.
    Namespace(String),
    /// Anybody.
    Any,
}

/// Rules by whom they are about: ports, each with the line of the profile that says so.
type Rules = BTreeMap<Peer, Vec<(String, String)>>;

pub(super) fn write(profile: &Profile) -> Exported {
    let mut notes = vec![
        "`podSelector` is made of the image's name: put the labels of your pods there".to_owned(),
    ];
    let mut left_out = Vec::new();
    let mut rules = Rules::new();
    for thing in of(profile, Part::Connections) {
        if let Err(why) = egress(&thing, &mut rules) {
            left_out.push(format!("{thing}: {why}"));
        }
    }
    if !of(profile, Part::Names).is_empty() {
        let because = "names: name servers are asked, over UDP and, for long answers, over TCP";
        let any = rules.entry(Peer::Any).or_default();
        for protocol in ["UDP", "TCP"] {
            any.push((port(protocol, DNS, None), because.to_owned()));
        }
    }
    if rules.contains_key(&Peer::Any) {
        notes.push(
            "a policy cannot name hosts: those ports are open to anybody, see its comments"
                .to_owned(),
        );
    }
    let name = identifier(&profile.name, '-');
    let mut text = comments(&evidence(profile, Form::NetworkPolicy));
    text.push_str(&format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: {name}\n\
         spec:\n  # Not observed: the labels of the pods are yours to say.\n  podSelector:\n    \
         matchLabels:\n      app.kubernetes.io/name: {name}\n  policyTypes: [Ingress, Egress]\n"
    ));
    text.push_str(&ingress(profile, &mut left_out));
    text.push_str(&egress_text(&rules));
    if !left_out.is_empty() {
        text.push_str("# Of the profile a policy cannot say, or need not:\n");
        left_out.iter().for_each(|what| text.push_str(&format!("# - {}\n", line(what))));
    }
    Exported { text, notes }
}

fn name_of(protocol: Protocol) -> Option<&'static str> {
    match protocol {
        Protocol::Tcp => Some("TCP"),
        Protocol::Udp => Some("UDP"),
        Protocol::Other(SCTP) => Some("SCTP"),
        Protocol::Other(_) => None,
    }
}

fn port(protocol: &str, port: u16, end: Option<u16>) -> String {
    match end {
        Some(end) => format!("{{protocol: {protocol}, port: {port}, endPort: {end}}}"),
        None => format!("{{protocol: {protocol}, port: {port}}}"),
    }
}

fn ingress(profile: &Profile, left_out: &mut Vec<String>) -> String {
    let mut ports = String::new();
    for thing in of(profile, Part::Listeners) {
        let Thing::Listener(protocol, number) = &thing else { continue };
        let Some(name) = name_of(*protocol) else {
            left_out.push(format!("listener {thing}: no protocol of a policy"));
            continue;
        };
        let (first, last) = number.map_or((EPHEMERAL.0, Some(EPHEMERAL.1)), |it| (it, None));
        let one = port(name, first, last);
        ports.push_str(&format!("    # listeners: {thing}\n    - {one}\n"));
    }
    if ports.is_empty() {
        return "  # listeners: none was seen, so nobody is let in.\n  ingress: []\n".to_owned();
    }
    format!(
        "  ingress:\n  # From whom is not in a profile: narrow it with `from`.\n  - ports:\n{ports}"
    )
}

fn egress(thing: &Thing, rules: &mut Rules) -> Result<(), &'static str> {
    let Thing::Connection(Destination::Port { protocol, port: number, hosts }) = thing else {
        return Err("a socket of the file system is no network's");
    };
    let name = name_of(*protocol).ok_or("no protocol of a policy")?;
    let said = format!("connections: {thing}");
    let one = port(name, *number, None);
    let (peer, ports) = match hosts.first() {
        Some(Host::Net(net)) if is_own(net.addr()) => {
            return Err("it does not leave the pod");
        }
        Some(Host::Net(net)) => (Peer::Block(net.to_string()), vec![(one, said)]),
        Some(Host::Name(name)) => match service_namespace(&name.text(Order::Domain)) {
            // The port of a service is not that of its pods, which is what a policy is about.
            Some(namespace) => (Peer::Namespace(namespace), vec![(String::new(), said)]),
            None => {
                let why = format!("{said}, whose addresses are not known to a policy");
                (Peer::Any, vec![(one, why)])
            }
        },
        Some(Host::Any) | None => (Peer::Any, vec![(one, said)]),
    };
    rules.entry(peer).or_default().extend(ports);
    Ok(())
}

/// The namespace of a service, where a name is one's.
fn service_namespace(name: &str) -> Option<String> {
    let rest = name.strip_suffix(".svc").or_else(|| name.strip_suffix(".svc.cluster.local"))?;
    let (_, namespace) = rest.rsplit_once('.')?;
    let is_plain = namespace.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
    (is_plain && !namespace.is_empty()).then(|| namespace.to_owned())
}

fn is_own(address: IpAddr) -> bool {
    address.is_loopback() || address.is_unspecified()
}

fn egress_text(rules: &Rules) -> String {
    if rules.is_empty() {
        let why = "# connections: none that leaves the pod was seen, so it is let out to nobody.";
        return format!("  {why}\n  egress: []\n");
    }
    let mut text = "  egress:\n".to_owned();
    for (peer, ports) in rules {
        let to = match peer {
            Peer::Block(block) => format!("  - to:\n    - ipBlock: {{cidr: {}}}\n", quoted(block)),
            Peer::Namespace(namespace) => {
                let label = format!("kubernetes.io/metadata.name: {}", quoted(namespace));
                ports.iter().for_each(|(_, why)| text.push_str(&format!("  # {}\n", line(why))));
                text.push_str("  # Any port: that of a service is not that of its pods.\n");
                text.push_str("  - to:\n    - namespaceSelector:\n        matchLabels: ");
                text.push_str(&format!("{{{label}}}\n"));
                continue;
            }
            Peer::Any => "  - ports:\n".to_owned(),
        };
        text.push_str(&to);
        if *peer != Peer::Any {
            text.push_str("    ports:\n");
        }
        let mut ports = ports.clone();
        ports.sort();
        let mut last = String::new();
        for (one, why) in ports {
            text.push_str(&format!("    # {}\n", line(&why)));
            if one != last {
                text.push_str(&format!("    - {one}\n"));
            }
            last = one;
        }
    }
    text
}
