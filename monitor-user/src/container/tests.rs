use super::*;

fn some() -> Container {
    let mount = |source: &str| Mount {
        source: source.into(),
        destination: "/data".into(),
        mode: "".into(),
        is_writable: false,
        propagation: "rprivate".into(),
    };
    let label = |key: &str, value: &str| Label { key: key.into(), value: value.into() };
    Container {
        name: Fact::Known("web".into(), FactSource::Bundle),
        started_ns: Fact::Known(-5, FactSource::Bundle),
        privileged: Fact::Known(true, FactSource::Bundle),
        capabilities: Fact::Known(u64::MAX, FactSource::Bundle),
        mounts: Fact::Known([mount("/a:b"), mount("")].into(), FactSource::Bundle),
        labels: Fact::Known([label("app", "shop"), label("x", "")].into(), FactSource::Bundle),
        pod_labels: Fact::Known(Box::default(), FactSource::Bundle),
        ..Container::unknown("/x", Reason::Pending)
    }
}

#[test]
fn texts_of_facts_are_read_again() {
    let from = some();
    let mut to = Container::unknown("/x", Reason::Pending);
    for ((_, one), (_, other)) in from.facts().zip(to.facts_mut()) {
        match (one.text(), one.source()) {
            (Some(text), Some(source)) => assert!(other.set_text(&text, source), "{text:?}"),
            _ => assert_eq!(one.reason(), Some(Reason::Pending)),
        }
    }
    assert_eq!(from, to);
}

#[test]
fn texts_of_something_else_change_nothing() {
    let mut container = some();
    for (name, fact) in container.facts_mut() {
        if !["name", "runtime"].contains(&name) && fact.text().is_some_and(|text| !text.is_empty())
        {
            assert!(!fact.set_text("odd", FactSource::Docker), "{name}");
        }
    }
    assert_eq!(container, some());
}

#[test]
fn giving_up_leaves_what_is_known() {
    let mut container = some();
    assert!(container.is_pending());
    container.give_up(Reason::NoBundle);
    assert!(!container.is_pending());
    assert_eq!(container.name, some().name);
    assert_eq!(container.image, Fact::Unknown(Reason::NoBundle));
}
