use super::*;

#[test]
fn versions_are_compared_as_numbers() {
    assert!(numbers("5.10.0-9") < numbers("5.10.0-32"));
    assert!(numbers("6.12.94+deb12") < numbers("6.12.117+deb12"));
}
