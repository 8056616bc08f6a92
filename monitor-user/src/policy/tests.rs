//! How containers stand to policies.

use super::*;
use crate::event::FactSource;

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const ID: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";

/// 2026-11-29.
const NOW_NS: i64 = 1_795_910_400_000_000_000;

const POLICY: &str = "
registries: [registry.example.com, '*.internal:5000']
repositories: [nginx, 'quay.io/shop/**']
digests: ['sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef']
except:
  - {namespace: kube-system, reason: the platform team's, until: 2026-11-29}
  - {image: docker.io/library/busybox, name: debug-*, reason: on call}
  - {namespace: old, reason: was needed, until: 2026-11-28}
";

fn known<T>(value: T) -> Fact<T> {
    Fact::Known(value, FactSource::Docker)
}

/// A container of which nothing is to be known any more.
fn of(image: &str) -> Container {
    let image = known(image.into());
    Container { image, ..Container::unknown("/x", Reason::NotInBundle) }
}

fn told(policy: &str, container: &Container) -> String {
    let verdict = file::read(policy).unwrap().judge(container, NOW_NS);
    match verdict {
        Ok(verdict) => match verdict.reason() {
            Some(why) => format!("{}: {why}", verdict.name()),
            None => verdict.name().to_owned(),
        },
        Err(reason) => reason.name().to_owned(),
    }
}

#[test]
fn places_are_allowed_by_registry_repository_or_digest() {
    #[track_caller]
    fn check(image: &str, expected: &str) {
        let digest = known("sha256:ff".into());
        let container = Container { image_digest: digest, ..of(image) };
        assert_eq!(told(POLICY, &container), expected, "{image}");
    }
    check("registry.example.com/a/b:1", "allowed");
    check("eu.internal:5000/a", "allowed");
    check("nginx:1.27", "allowed");
    check("index.docker.io/library/nginx", "allowed");
    check("quay.io/shop/team/web", "allowed");
    check(
        "internal:5000/a",
        "refused: registry internal:5000 is not in the policy (it has *.internal:5000, docker.io, \
         quay.io, …)",
    );
    check(
        "registry.example.com.evil/a",
        "refused: registry registry.example.com.evil is not in \
        the policy (it has *.internal:5000, docker.io, quay.io, …)",
    );
    check(
        "redis",
        "refused: repository docker.io/library/redis is not in the policy (it has \
        docker.io/library/nginx)",
    );
    check(
        "quay.io/other/web",
        "refused: repository quay.io/other/web is not in the policy (it has \
        quay.io/shop/**)",
    );
    check(
        "A B",
        "refused: the name of its image is no reference: `A B` is no part of a \
        repository's name",
    );
    check(DIGEST, "refused: its image is named by its id alone, which is not in the policy");
    // Another digest than the engine's is no proof.
    check(
        &format!("redis@{DIGEST}"),
        "refused: repository docker.io/library/redis is not in the \
        policy (it has docker.io/library/nginx)",
    );
}

#[test]
fn a_digest_counts_whatever_the_image_is_called() {
    let by = |container: Container| told(POLICY, &container);
    let unknown =
        |image: &str| Container { image_digest: Fact::Unknown(Reason::Gone), ..of(image) };
    assert_eq!(by(Container { image_digest: known(DIGEST.into()), ..of("evil") }), "allowed");
    assert_eq!(by(Container { image_id: known(DIGEST[7..].into()), ..of("evil") }), "allowed");
    assert_eq!(by(unknown(&format!("evil@{DIGEST}"))), "allowed");
    assert_eq!(by(unknown(DIGEST)), "allowed");
    assert_eq!(
        by(unknown("evil")),
        "unknown: repository docker.io/library/evil is not in the policy (it has \
         docker.io/library/nginx), and its digest is not known: gone"
    );
    let none = Container { image_digest: Fact::Unknown(Reason::NotApplicable), ..of("evil") };
    assert!(by(none).starts_with("refused"));
    let only = format!("digests: ['{DIGEST}']");
    let other = Container { image_digest: known("sha256:ff".into()), ..of("a") };
    assert_eq!(told(&only, &other), "refused: digest sha256:ff is not in the policy");
    // It was asked for by the beginning of its id, which is the name of nothing.
    let short = Container { image_id: known(ID.into()), ..of(&ID[..12]) };
    assert_eq!(
        told("repositories: ['**']", &short),
        "refused: its image is named by its id alone, which is not in the policy"
    );
}

#[test]
fn what_is_not_known_is_never_allowed() {
    let nothing = |reason| Container::unknown("/x", reason);
    for policy in [POLICY, "max_age_days: 9"] {
        assert_eq!(told(policy, &nothing(Reason::Pending)), "pending");
        assert_eq!(
            told(policy, &nothing(Reason::NoBundle)),
            "unknown: its image is not known: no_bundle"
        );
        assert_eq!(told(policy, &nothing(Reason::NotApplicable)), "unknown: it has no image");
    }
    // What does not decide is not waited for.
    let late = Container {
        image_created_ns: Fact::Unknown(Reason::Pending),
        labels: Fact::Unknown(Reason::Pending),
        ..of("nginx")
    };
    assert_eq!(told("repositories: [nginx]", &late), "allowed");
    assert_eq!(told("max_age_days: 9", &late), "pending");
    let late = Container { image_digest: Fact::Unknown(Reason::Pending), ..of("redis") };
    assert_eq!(told(POLICY, &late), "pending");
}

#[test]
fn images_may_be_so_old() {
    #[track_caller]
    fn check(created: Fact<i64>, expected: &str) {
        let container = Container { image_created_ns: created, ..of("nginx") };
        assert_eq!(told("max_age_days: 90", &container), expected);
    }
    check(known(NOW_NS - 90 * DAY_NS), "allowed");
    check(known(NOW_NS - 90 * DAY_NS - DAY_NS / 2), "allowed");
    check(
        known(NOW_NS - 91 * DAY_NS),
        "refused: its image is 91 days old, and the policy allows 90",
    );
    check(known(NOW_NS + DAY_NS / 2), "allowed");
    check(known(NOW_NS + 2 * DAY_NS), "unknown: its image says that it is from the future");
    check(Fact::Unknown(Reason::NotApplicable), "unknown: its image does not say when it was made");
    check(
        Fact::Unknown(Reason::TooLarge),
        "unknown: when its image was made is not known: too_large",
    );
    // A digest says which image it is, and not that it is young.
    let old =
        Container { image_digest: known(DIGEST.into()), image_created_ns: known(0), ..of("nginx") };
    assert!(told(&format!("digests: ['{DIGEST}']\nmax_age_days: 9"), &old).starts_with("refused"));
}

#[test]
fn exceptions_are_told_and_end() {
    let of_namespace = |namespace: &str| {
        let pod_namespace = known(namespace.into());
        let image_digest = known("sha256:ff".into());
        told(POLICY, &Container { pod_namespace, image_digest, ..of("evil.example/x") })
    };
    assert_eq!(
        of_namespace("kube-system"),
        "allowed: excepted until 2026-11-29: the platform team's"
    );
    assert!(of_namespace("old").starts_with("refused"));
    assert!(of_namespace("kube-system-2").starts_with("refused"));
    let named = |image: &str, name: &str| {
        let container = Container { name: known(name.into()), ..of(image) };
        told(POLICY, &Container { image_digest: known("sha256:ff".into()), ..container })
    };
    assert_eq!(named("busybox:1", "debug-7"), "allowed: excepted: on call");
    assert!(named("busybox:1", "web").starts_with("refused"));
    assert!(named("alpine", "debug-7").starts_with("refused"));
    let policy = file::read(POLICY).unwrap();
    assert_eq!(policy.ended(NOW_NS), ["excepted until 2026-11-28: was needed"]);
}

/// What is wrong, where, and what would be right.
#[test]
fn mistakes_of_a_file_are_told_with_their_place() {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(file::read(text).unwrap_err(), expected, "{text}");
    }
    check(
        "{}",
        "1:1: it forbids nothing: give it `registries`, `repositories`, `digests` or `max_age_days`",
    );
    check("registrys: [a.b]", "1:1: there is no key `registrys`; did you mean `registries`?");
    check(
        "max_age_days: 1\nregistries: []",
        "2:13: an empty list says nothing: leave the key out, or name something",
    );
    check(
        "registries: [a.b, 'a.b/c']",
        "1:19: `a.b/c` is no registry: write HOST or HOST:PORT, without a path",
    );
    check(
        "repositories: ['nginx:1']",
        "1:16: `nginx:1` is no repository: it has no tag, and digests go into `digests`",
    );
    check("digests: [abc]", "1:11: `abc` is no digest: write `sha256:` and 64 hexadecimal digits");
    check("max_age_days: 0", "1:15: `max_age_days` is from 1 to 36500");
    check("max_age_days: 9\nexcept:\n  - {namespace: x}", "3:5: an exception has a `reason`");
    check(
        "max_age_days: 9\nexcept:\n  - {reason: x}",
        "3:5: it excepts everything: say which `image`, `namespace` or `name`",
    );
    check(
        "max_age_days: 9\nexcept:\n  - {name: x, reason: x, until: tomorrow}",
        "3:33: `until` is the last day that it holds, as `2027-01-31`",
    );
}

#[test]
fn a_standing_is_worked_out_once_enough_is_known() {
    let policy = std::sync::Arc::new(file::read(POLICY).unwrap());
    let mut standing = Standing::By { policy, at_start: true };
    let early = Container::unknown("/x", Reason::Pending);
    assert!(standing.is_awaited(&early, NOW_NS));
    assert!(!standing.is_awaited(&of("nginx"), NOW_NS));
    assert_eq!(standing.verdict(&Container::host(), NOW_NS), Err(Reason::NotApplicable));
    standing.give_up(&early, NOW_NS);
    let verdict = standing.verdict(&early, NOW_NS).unwrap().into_owned();
    assert_eq!(verdict, Verdict::Unknown("nothing told of its image in time".into()));
}
