//! What is made of consoles.

use super::{Results, Row, grid, notes};

const OUTPUT: &str = "\
6.1 | test a::one::fentry ... ok
6.1 bare | test a::one::fentry ... FAILED
5.10 | test a::one::kprobe   ... note: said by the case
6.1 | test [no kprobes]     a::one::kprobe   ... ignored
5.10 | ok
6.1 | test a::two::fentry ... FAILED
6.1 | test a::three::fentry ... not tried: no such socket
6.1 | ok
5.10 | test a::three::kprobe ... ok
6.1 | test result: FAILED. 1 passed
";

fn row(number: u64, cases: &[&str]) -> Row {
    let verdict = |family: &str, why: &str| (family.to_owned(), "seen".to_owned(), why.to_owned());
    Row {
        number,
        title: "t".to_owned(),
        cases: cases.iter().map(|it| (*it).to_owned()).collect(),
        verdicts: vec![verdict("fentry", "why"), verdict("kprobe", "why"), verdict("fallback", "")],
    }
}

#[test]
fn cells_are_of_the_cases_alone() {
    let mut results = Results::default();
    results.take_labelled(OUTPUT).expect("a kernel runs here");
    let rows =
        [row(1, &["a::one"]), row(2, &["a::one", "a::two"]), row(3, &[]), row(4, &["a::three"])];
    let expected = "\
| # | evasion | 6.1 fentry | 5.10 kprobe |
|---|---|---|---|
| 1 | t | seen | seen |
| 2 | t | **failed** | not run |
| 3 | t | not tested | not tested |
| 4 | t | not tried: no such socket | seen |
";
    assert_eq!(grid(&rows, &results), expected);
}

#[test]
fn a_note_names_its_families() {
    let expected = "What the cells leave open:\n\n- 7 (fentry, kprobe): why.\n";
    assert_eq!(notes(&[row(7, &[])]), expected);
}
