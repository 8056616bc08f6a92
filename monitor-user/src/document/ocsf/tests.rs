//! Documents against the published schema.

mod table;

use serde_json::{Value, json};
use table::Table;

use crate::document::{
    Document, Schema,
    members::set,
    tests::{alert, corpus, sender},
};

fn written(document: &Document) -> Value {
    serde_json::from_slice(&Schema::Ocsf.write(document, &sender())[0]).unwrap()
}

#[test]
fn documents_are_those_of_the_schema() {
    let table = Table::read();
    for document in corpus() {
        let value = written(&document);
        let wrong = table.check(&value);
        assert!(wrong.is_empty(), "{wrong:#?}\n{value:#}");
    }
}

/// What is wrong is found, wherever it is.
#[test]
fn the_check_can_fail() {
    let table = Table::read();
    let whole = written(&Document::Alert(alert().clone()));
    assert_eq!(table.check(&whole), Vec::<String>::new());
    let check = |path: &[&str], to: Value, expected: &str| {
        let mut value = whole.clone();
        set(&mut value, path, to);
        let wrong = table.check(&value);
        assert!(wrong.iter().any(|line| line.contains(expected)), "{path:?}: {wrong:?}");
    };
    // Names.
    check(&["device", "host_name"], json!("a"), "device.host_name: no such attribute");
    check(&["rule"], json!("a"), "rule: no such attribute");
    check(&["time_td"], json!("a"), "time_td: no such attribute");
    // Types.
    check(&["time"], json!("2023-11-14T22:13:20Z"), "is no timestamp_t");
    check(&["is_alert"], json!("yes"), "is no boolean_t");
    check(&["evidences"], json!({}), "evidences: it is no list");
    check(&["device", "os"], json!("Linux"), "device.os: \"Linux\" is no os");
    check(&["device", "hostname"], json!(""), "is no hostname_t");
    check(&["finding_info", "uid"], Value::Null, "finding_info.uid: null is no string_t");
    // Values.
    check(&["severity_id"], json!(7), "severity_id: 7 is none of its values");
    check(&["severity"], json!("Grave"), "is Medium, not");
    check(&["activity_id"], json!(9), "activity_id: 9 is none of its values");
    check(&["type_uid"], json!(200_402), "type_uid: 200402 is not 200401");
    check(&["class_name"], json!("Alert"), "class_name: \"Alert\" is not");
    check(&["class_uid"], json!(2005), "class_uid: no such class");
    // Profiles.
    check(&["metadata", "profiles"], json!(["host"]), "time_dt: no such attribute");
    check(&["metadata", "profiles"], json!(["datetime"]), "euid: no such attribute");
    // What must be there.
    let without = |path: &str, member: &str, expected: &str| {
        let mut value = whole.clone();
        value.pointer_mut(path).unwrap().as_object_mut().unwrap().remove(member).unwrap();
        let wrong = table.check(&value);
        assert!(wrong.iter().any(|line| line == expected), "{member}: {wrong:?}");
    };
    without("", "finding_info", "finding_info: it is required");
    without("/metadata", "product", "metadata.product: it is required");
    without("/finding_info/analytic", "type_id", "finding_info.analytic.type_id: it is required");
    without(
        "/evidences/0/actor/process/file",
        "name",
        "evidences.actor.process.file.name: it is required",
    );
    check(&["evidences"], json!([{ "data": {} }, {}]), "evidences: none of actor, ");
}

#[test]
fn every_rule_is_an_analytic() {
    let alert = alert();
    let value = written(&Document::Alert(alert.clone()));
    let info = &value["finding_info"];
    assert!(alert.matched.len() > 1);
    assert_eq!(info["analytic"]["uid"], json!(alert.matched[0].about.id));
    let others: Vec<&str> = info["related_analytics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|analytic| analytic["uid"].as_str().unwrap())
        .collect();
    let expected: Vec<&str> = alert.matched[1..].iter().map(|it| &*it.about.id).collect();
    assert_eq!(others, expected);
    assert_eq!(info["uid"], value["metadata"]["uid"]);
    let update = written(&Document::Update(alert.clone()));
    assert_eq!(update["finding_info"]["uid"], info["uid"]);
    assert_eq!((&update["activity_id"], &update["type_uid"]), (&json!(2), &json!(200_402)));
}
