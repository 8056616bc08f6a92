use super::*;

/// What is found in a file of this name and text.
fn findings(file: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    check_file(file, text, &mut findings);
    findings
}

fn check(file: &str, text: &str, expected: &[&str]) {
    let findings = findings(file, text);
    assert_eq!(findings.len(), expected.len(), "{findings:?}");
    for (finding, expected) in findings.iter().zip(expected) {
        assert!(finding.starts_with(expected), "{finding}");
    }
}

#[test]
fn a_border_is_named_with_file_and_line() {
    let hook = "monitor-ebpf/src/hooks/exec.rs";
    check(
        hook,
        "use crate::task;\nuse crate::hooks::file;\n",
        &["monitor-ebpf/src/hooks/exec.rs:2: a hook does not import another hook"],
    );
    check("monitor-ebpf/src/main.rs", "mod hooks;\nuse hooks::exec;\n", &[]);
}

#[test]
fn a_comment_may_name_what_code_may_not_import() {
    check("monitor-user/src/alert.rs", "//! Knows nothing of aya::maps.\n", &[]);
    check(
        "monitor-user/src/alert.rs",
        "use aya::Ebpf;\n",
        &[
            "monitor-user/src/alert.rs:1: only bpf/ imports aya",
            "monitor-user/src/alert.rs:1: the stages",
        ],
    );
}

#[test]
fn left_overs_are_found_in_comments_and_tests_too() {
    let left_over = format!("// {}: later\n", "TO".to_owned() + "DO");
    check("monitor-user/src/decode/tests.rs", &left_over, &["monitor-user/src/decode/tests.rs:1:"]);
}

#[test]
fn sizes_have_limits_that_depend_on_the_file() {
    let long = "x();\n".repeat(61);
    check("monitor-user/src/main.rs", &long, &["monitor-user/src/main.rs:1: 61 lines; at most 60"]);
    check("monitor-user/src/cli.rs", &long, &[]);
    check("monitor-user/src/decode/tests.rs", &"x();\n".repeat(501), &[]);
    let with_tests =
        format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", "x();\n", "y();\n".repeat(600));
    check("monitor-user/src/cli.rs", &with_tests, &[]);
}

#[test]
fn a_long_function_is_found_where_it_starts() {
    let body = "        x();\n".repeat(71);
    let method = format!("impl A {{\n    pub(crate) fn long(&self) {{\n{body}    }}\n}}\n");
    check("xtask/src/a.rs", &method, &["xtask/src/a.rs:2: a function of 71 lines; at most 70"]);
    let body = "    x();\n".repeat(70);
    check("xtask/src/a.rs", &format!("fn fits() {{\n{body}}}\n"), &[]);
}
