//! Whether the table of fields is right about itself.

use super::*;

#[test]
fn the_schema_has_no_mistakes() {
    assert_eq!(SCHEMA.mistakes(), Vec::<String>::new());
    let undocumented: Vec<&str> =
        SCHEMA.fields.iter().filter(|f| !f.doc.ends_with('.')).map(|f| f.name).collect();
    assert_eq!(undocumented, Vec::<&str>::new());
    let mut names = BTreeSet::new();
    assert!(SCHEMA.types.iter().all(|(name, _)| names.insert(*name)), "a type is there twice");
}

/// Rules are not tried on kinds that a field is not for: it must not have values there.
#[test]
fn fields_have_values_only_in_their_kinds() {
    for (kind, name) in (0u8..).zip(Action::KINDS) {
        let event = of_kind(kind);
        assert_eq!(event.action.kind(), kind, "{name}");
        for field in SCHEMA.fields.iter().filter(|field| !field.kinds.contains(kind)) {
            let value = show(&event, field.name);
            assert!(value == "-" || value.is_empty(), "{} on {name}: {value}", field.name);
        }
    }
}

/// Values that are made anew are the ones that cost; the table of them is complete.
#[test]
fn fields_that_are_put_together_are_known() {
    let mut found = BTreeSet::new();
    let socket = [("evt.type", text("connect")), ("fd.name", text("/run/x.sock"))];
    let mut program = of_type("execve");
    change(&mut program, |process| {
        process.args = b"sh\0-c\0x\0".as_slice().into();
        process.args_total = 8;
        process.env = b"A=1\0B=2\0".as_slice().into();
        process.cap_effective = 3;
        process.cap_permitted = 3;
        process.tty = Some((4, 1));
    });
    let named = [("evt.type", text("execve")), ("container.id", text("0123456789abcdef"))];
    let kinds = (0u8..).zip(Action::KINDS).map(|(kind, _)| of_kind(kind));
    for event in kinds.chain([program, event(&socket), event(&named)]) {
        for field in SCHEMA.fields {
            if let Get::One(get) = field.get
                && let Value::Str(std::borrow::Cow::Owned(_)) = get(&event, &Arg::None)
            {
                found.insert(field.name);
            }
        }
    }
    assert_eq!(found, BTreeSet::from_iter(PUT_TOGETHER.iter().copied()));
}
