//! What nobody was told is left out: a zero would be a fact.

use std::sync::Arc;

use serde_json::Value;

use super::{alert, sender};
use crate::{
    document::{Document, Schema},
    event::{Event, FileFacts, Knowledge},
};

/// An event whose process and parent are known by name alone.
fn event() -> Event {
    let mut event = Event::clone(&alert().event);
    let mut process = event.process.as_ref().clone();
    process.file = FileFacts::default();
    (process.size, process.mtime_ns, process.namespace_pid) = (0, 0, 0);
    (process.executable, process.knowledge) = (Some(b"/bin/a".to_vec().into()), Knowledge::Procfs);
    event.session_id = 0;
    event.process = Arc::new(process);
    event.ancestors = [Arc::clone(&event.process)].into();
    event
}

fn written(schema: Schema, event: Event) -> Value {
    let lines = schema.write(&Document::Event(Arc::new(event)), &sender());
    serde_json::from_slice(&lines[0]).unwrap()
}

#[track_caller]
fn check(schema: Schema, event: Event, told: &[&str], left_out: &[&str]) {
    let document = written(schema, event);
    for pointer in told {
        assert!(document.pointer(pointer).is_some(), "{pointer}: {document:#}");
    }
    for pointer in left_out {
        assert!(document.pointer(pointer).is_none(), "{pointer}: {document:#}");
    }
}

#[test]
fn ocsf_has_no_zeros_for_what_is_unknown() {
    let path = ["/actor/process/file/path"];
    let left_out = [
        "/actor/process/file/size",
        "/actor/process/file/modified_time",
        "/actor/process/file/uid",
        "/actor/process/namespace_pid",
        "/unmapped/process/file",
        "/unmapped/parent/file",
    ];
    check(Schema::Ocsf, event(), &path, &left_out);
    let mut numbered = event();
    let mut process = numbered.process.as_ref().clone();
    process.file.inode = 12;
    numbered.ancestors = [Arc::new(process)].into();
    check(Schema::Ocsf, numbered, &["/actor/process/file/uid"], &left_out[..2]);
}

#[test]
fn ecs_has_no_zeros_for_what_is_unknown() {
    let told = ["/process/executable", "/process/parent/executable"];
    let left_out = [
        "/process/code_file",
        "/process/parent/code_file",
        "/process/vpid",
        "/process/session_leader",
    ];
    check(Schema::Ecs, event(), &told, &left_out);
}
