//! What a test says of the package of an executed or mapped file.

use std::sync::Arc;

use monitor_rules::TestValue;

use super::{Set, draft::Draft, value};
use crate::{
    event::{Fact, FactSource},
    packages::Belonging,
};

pub(super) fn set(draft: &mut Draft, name: &str, value: &TestValue) -> Set {
    Some(match name {
        "proc.exe.package" | "fd.package" => value::fact(value).map(|fact| {
            let changed = told(draft).is_database_changed;
            draft.event.program_package = match fact {
                Fact::Unknown(reason) => Fact::Unknown(reason),
                Fact::Known(name, _) => {
                    known(Belonging { name: Some(name), is_database_changed: changed })
                }
            };
        }),
        "proc.exe.is_packaged" | "fd.is_packaged" => value::yes(value).map(|yes| {
            let before = told(draft);
            let name = yes.then(|| before.name.unwrap_or_else(|| "test".into()));
            draft.event.program_package = known(Belonging { name, ..before });
        }),
        "proc.exe.package_db_changed" => value::yes(value).map(|yes| {
            let before = told(draft);
            draft.event.program_package = known(Belonging { is_database_changed: yes, ..before });
        }),
        "proc.exe.changed_since_start" => value::yes(value).map(|yes| {
            let changed_ns = draft.process.process.ctime_ns;
            let started_ns = if yes { changed_ns - 1 } else { changed_ns + 1 };
            draft.container().started_ns = Fact::Known(started_ns, FactSource::Bundle);
        }),
        _ => return None,
    })
}

/// What is said so far: of no package.
fn told(draft: &Draft) -> Belonging {
    match &draft.event.program_package {
        Fact::Known(belonging, _) => Belonging::clone(belonging),
        Fact::Unknown(_) => Belonging { name: None, is_database_changed: false },
    }
}

fn known(belonging: Belonging) -> Fact<Arc<Belonging>> {
    Fact::Known(Arc::new(belonging), FactSource::File)
}
