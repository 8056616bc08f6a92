//! What `--container` and its like say, as a rule condition.

use crate::{cli::TailArgs, commands::Usage};

/// Where compose writes down which service a container is of.
const SERVICE: &str = "com.docker.compose.service";

/// The least of a container's id that names it.
const ID: usize = 4;

/// The condition for what the options name; empty: all.
pub(super) fn scope(args: &TailArgs) -> Result<String, Usage> {
    let containers = args.container.iter().map(|name| container(name));
    let pods = args.pod.iter().map(|name| pod(name));
    let services = args
        .compose
        .iter()
        .map(|name| Ok(format!("container.label[{SERVICE}] = {}", quoted(name, "service")?)));
    // Several of one option are any of them; of two options both are to hold.
    let all = [any(containers)?, any(pods)?, any(services)?];
    let all: Vec<String> = all.into_iter().flatten().collect();
    Ok(all.join(" and "))
}

fn any(conditions: impl Iterator<Item = Result<String, Usage>>) -> Result<Option<String>, Usage> {
    let conditions: Vec<String> = conditions.collect::<Result<_, _>>()?;
    Ok((!conditions.is_empty()).then(|| format!("({})", conditions.join(" or "))))
}

fn container(name: &str) -> Result<String, Usage> {
    let text = quoted(name, "container")?;
    let is_id =
        name.len() >= ID && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let by_id =
        if is_id { format!(" or container.full_id startswith {text}") } else { String::new() };
    Ok(format!("container.name = {text} or container.id = {text}{by_id}"))
}

fn pod(name: &str) -> Result<String, Usage> {
    match name.split_once('/') {
        Some((namespace, pod)) => Ok(format!(
            "(k8s.ns.name = {} and k8s.pod.name = {})",
            quoted(namespace, "namespace")?,
            quoted(pod, "pod")?
        )),
        None => Ok(format!("k8s.pod.name = {}", quoted(name, "pod")?)),
    }
}

/// A name in quotes, which no name has in it.
fn quoted(name: &str, what: &str) -> Result<String, Usage> {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '@');
    if name.is_empty() || !name.chars().all(is_plain) {
        return Err(Usage(format!(
            "`{name}` is no name of a {what}\nhint: names have letters, digits, dots, dashes and \
             underscores; write a filter for anything else"
        )));
    }
    Ok(format!("\"{name}\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::{Cli, Command},
        subscriber::Wish,
    };
    use clap::Parser as _;

    fn scope_of(options: &[&str]) -> Result<String, Usage> {
        let all = ["runmon", "tail"].iter().chain(options);
        match Cli::try_parse_from(all).unwrap().command {
            Command::Tail(args) => scope(&args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_scope_is_a_condition() {
        for options in [
            &["--container", "web"][..],
            &["--container", "deadbeef1234", "--container", "db_1"],
            &["--pod", "shop/cart-5d8f"],
            &["--pod", "cart", "--compose", "web"],
        ] {
            let scope = scope_of(options).unwrap();
            assert!(!scope.is_empty());
            let wish = Wish { scope: scope.clone(), ..Wish::default() };
            assert_eq!(wish.view().err(), None, "{scope}");
        }
        assert_eq!(scope_of(&[]).unwrap(), "");
    }

    #[test]
    fn a_name_cannot_say_more_than_a_name() {
        for name in ["", "a\" or proc.name = \"b", "a b", "a\n", "a)"] {
            let refused = scope_of(&["--container", name]).unwrap_err();
            assert!(refused.0.contains("no name of a container"), "{refused}");
        }
    }

    #[test]
    fn only_what_may_be_an_id_is_one() {
        assert!(scope_of(&["--container", "beef"]).unwrap().contains("startswith"));
        assert!(!scope_of(&["--container", "bee"]).unwrap().contains("startswith"));
        assert!(!scope_of(&["--container", "beeg"]).unwrap().contains("startswith"));
    }
}
