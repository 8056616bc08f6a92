use monitor_inventory::lifecycle::{Date, DateMap};
use proptest::prelude::*;

use super::*;

const NOW: i64 = 20_000 * DAY_NS;

fn hex(number: usize, kind: u8) -> String {
    format!("{number:062x}{kind:02x}")
}

fn image(number: usize) -> Image {
    Image {
        names: vec![format!("docker.io/library/app{number}:1")],
        digests: vec![format!("sha256:{}", hex(number, 1))],
        id: hex(number, 2),
        chain: format!("sha256:{}", hex(number, 3)),
        created_ns: Some(NOW - 400 * DAY_NS),
        arrived_ns: Some(NOW - 100 * DAY_NS),
        layers: vec![Layer { id: hex(number, 4), bytes: 10 }],
        ..Image::default()
    }
}

fn store(images: Vec<Image>, uses: Vec<Use>) -> Store {
    let store = Store::new(Engine::Docker, "", "/x".into());
    Store { images, uses, ..store }
}

fn terms() -> Terms {
    let (unused_for_days, min_age_days, has_kubelet) = (30, 7, false);
    Terms { unused_for_days, min_age_days, except: Vec::new(), has_kubelet, now_ns: NOW }
}

fn witness() -> Witness {
    Witness::of(&[], Some(NOW - 90 * DAY_NS), NOW, NOW)
}

#[track_caller]
fn check(stores: &[Store], terms: &Terms, removes: bool, reason: &str) {
    let plan = plan(stores, &witness(), terms);
    let first = &plan[0];
    assert_eq!(first.removes, removes, "{:?}", first.reasons);
    assert!(first.reasons.iter().any(|it| it.contains(reason)), "{:?}", first.reasons);
}

#[test]
fn each_reason_keeps_an_image() {
    let one = |change: fn(&mut Image)| {
        let mut image = image(1);
        change(&mut image);
        [store(vec![image], Vec::new())]
    };
    check(&one(|_| {}), &terms(), true, "none was seen for 90 days");
    check(&one(|it| it.is_pinned = true), &terms(), false, "told to keep");
    check(&one(|it| it.names = vec!["k8s.io/pause:3.9".into()]), &terms(), false, "pods stand");
    check(&one(|it| it.id.clear()), &terms(), false, "not all here");
    check(&one(|it| it.arrived_ns = Some(NOW - DAY_NS)), &terms(), false, "less than 7 days");
    check(&one(|it| it.arrived_ns = None), &terms(), false, "since when it is here");
    check(&one(|_| {}), &Terms { unused_for_days: 91, ..terms() }, false, "only for 90 days");
    check(&one(|_| {}), &Terms { has_kubelet: true, ..terms() }, false, "kubelet");
    let except = vec![Except::parse("app1").unwrap()];
    check(&one(|_| {}), &Terms { except, ..terms() }, false, "excepted by `app1`");
    let mut broken = one(|_| {});
    broken[0].lacks.push("x cannot be read".to_owned());
    check(&broken, &terms(), false, "not all known: x cannot be read");
    let unwatched = plan(&broken[..], &Witness::none("nobody watches"), &terms());
    assert!(unwatched[0].reasons[0].contains("nobody watches"), "{:?}", unwatched[0].reasons);
}

#[test]
fn shared_layers_stay() {
    let [mut one, mut two, three] = [1, 2, 3].map(image);
    let base = Layer { id: "base".to_owned(), bytes: 100 };
    one.layers.push(base.clone());
    two.layers.push(base);
    assert_eq!(freed([&one], [&two, &three]), 10);
    assert_eq!(freed([&one, &two], [&three]), 120);
    assert_eq!((one.bytes(), Image::default().bytes()), (Some(110), None));
}

fn running(name: &str, image: &str, image_id: &str, chain: &str) -> Use {
    let (image, image_id, chain) = (image.to_owned(), image_id.to_owned(), chain.to_owned());
    let state = RunState::Running;
    Use { name: name.to_owned(), state, image, image_id, chain, ..Use::new("c1") }
}

#[test]
fn a_name_that_moved_supersedes_what_still_runs() {
    let (mut old, new) = (image(1), image(2));
    old.names.clear();
    let by_id = running("web", "app2:1", &old.id, "");
    let by_layers = running("shop", "app2:1", "", &old.chain);
    let fresh = running("new", "app2:1", "", &new.chain);
    let unknown = running("odd", "app2:1", "", "");
    let pinned = running("by-digest", &format!("app2@{}", old.digests[0]), &old.id, "");
    let mut ended = by_id.clone();
    ended.state = RunState::Stopped;
    let uses = vec![by_id, by_layers, fresh, unknown, pinned, ended];
    let stores = [store(vec![old.clone(), new.clone()], uses)];
    let found = superseded(&stores);
    let told: Vec<(&str, &str, &str)> =
        found.iter().map(|it| (&*it.container, &*it.runs, &*it.now)).collect();
    let [was, is] = [&*old.digests[0], &*new.digests[0]];
    assert_eq!(told, [("web", was, is), ("shop", was, is)]);
    let judge = Judge {
        now_ns: NOW,
        today: Date::parse("2024-10-04").unwrap(),
        dates: DateMap::default(),
        old_days: 180,
    };
    let users = Users::of(&stores);
    let kinds = |image: &Image| {
        let last = witness().last_use(image);
        let all = judge.verdicts(image, &users.of_image(image), &found, &last);
        all.iter().map(|it| it.kind.name()).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&old), ["running_superseded", "running_superseded", "old"]);
    assert_eq!(kinds(&new), ["old"]);
    // The record of the old image is gone: its layers are what is left to tell.
    let gone = [store(vec![new], vec![running("shop", "app2:1", "", &old.chain)])];
    assert_eq!(superseded(&gone)[0].runs, format!("layers {}", old.chain));
}

#[test]
fn the_last_day_is_read_from_labels_and_the_map() {
    let mut one = image(1);
    let judge = |map: &str| Judge {
        now_ns: NOW,
        today: Date::parse("2024-10-04").unwrap(),
        dates: DateMap::parse(map).unwrap(),
        old_days: 1_000,
    };
    let kinds = |image: &Image, map: &str| {
        let last = witness().last_use(image);
        let all = judge(map).verdicts(image, &[], &[], &last);
        all.iter().map(|it| it.kind.name()).collect::<Vec<_>>()
    };
    let map = format!("{} 2024-10-03", one.digests[0]);
    assert_eq!(kinds(&one, ""), ["unused"]);
    assert_eq!(kinds(&one, &map), ["end_of_life", "unused"]);
    assert_eq!(kinds(&one, &map.replace("03", "04")), ["unused"]);
    let by_id = format!("sha256:{} 2024-10-03T00:00:00Z", one.id);
    assert_eq!(kinds(&one, &by_id), ["end_of_life", "unused"]);
    let mut label = |text: &str| {
        let key = "vnd.microsoft.artifact.lifecycle.end-of-life.date".to_owned();
        one.labels.insert(key, text.to_owned());
        one.clone()
    };
    assert_eq!(kinds(&label("2020-01-01"), ""), ["end_of_life", "unused"]);
    assert_eq!(kinds(&label("2030-01-01"), ""), ["unused"]);
    let odd = label("soon");
    assert_eq!(kinds(&odd, ""), ["end_of_life_unknown", "unused"]);
    assert_eq!(kinds(&odd, &map), ["end_of_life", "unused"]);
}

/// Every form in which a container can call an image.
fn called(image: &Image, form: usize) -> Use {
    let mut it = Use::new("c");
    let digest = &image.digests[0];
    let plain = image.names[0].trim_start_matches("docker.io/library/").to_owned();
    match form {
        0 => it.image = image.names[0].clone(),
        1 => it.image = plain,
        2 => it.image = format!("{plain}@{digest}"),
        3 => it.image = format!("docker-pullable://elsewhere/name@{digest}"),
        4 => it.image_id = image.id.clone(),
        5 => it.image_id = format!("sha256:{}", image.id),
        6 => it.image_id = digest.clone(),
        7 => it.chain = image.chain.clone(),
        // The numbers stand at the end: a short id is all but that end.
        8 => it.image = image.id[..63].to_owned(),
        9 => it.others.push(image.names[0].clone()),
        _ => it.others.push(digest.clone()),
    }
    it
}

proptest! {
    /// Whatever is there, no image goes that a container calls by any of its names.
    #[test]
    fn no_plan_removes_what_a_container_is_of(
        places in prop::collection::vec((0_usize..4, any::<bool>()), 1..12),
        uses in prop::collection::vec((0_usize..12, 0_usize..11, 0_usize..4, any::<bool>()), 0..12),
        seen in prop::collection::vec((0_usize..12, 0_i64..100), 0..6),
        watched in prop::option::of(0_i64..100),
    ) {
        let engines = [
            (Engine::Docker, ""), (Engine::Storage, ""),
            (Engine::Containerd, "k8s.io"), (Engine::Containerd, "default"),
        ];
        let mut stores = engines.map(|(engine, space)| Store::new(engine, space, "/".into()));
        for (number, (place, is_nameless)) in places.iter().enumerate() {
            let mut image = image(number);
            if *is_nameless {
                image.names.clear();
            }
            stores[*place].images.push(image);
        }
        let mut used = HashSet::new();
        for (number, form, place, runs) in uses {
            let number = number % places.len();
            let mut it = called(&image(number), form);
            it.state = if runs { RunState::Running } else { RunState::Stopped };
            // A name that is nobody's any more says nothing of this image.
            if !(places[number].1 && matches!(form, 0 | 1 | 9)) {
                used.insert(hex(number, 2));
            }
            stores[place].uses.push(it);
        }
        let seen: Vec<_> = seen.into_iter().map(|(number, days)| {
            let at = NOW - days * DAY_NS;
            let file = crate::usage::Used {
                how: crate::usage::How::Mapped, first_ns: at, last_ns: at, by_root: false,
            };
            crate::usage::ImageUse {
                key: format!("sha256:{}", hex(number, 1)),
                files: [(b"/x".to_vec(), file)].into(),
                ..crate::usage::ImageUse::default()
            }
        }).collect();
        let since = watched.map(|days| NOW - days * DAY_NS);
        let witness = Witness::of(&seen, since, NOW, NOW);
        for decision in plan(&stores, &witness, &terms()) {
            let id = &decision.image.id;
            if decision.removes {
                prop_assert!(!used.contains(id), "{id} is used: {stores:?}");
                prop_assert!(since.is_some_and(|since| since <= NOW - 30 * DAY_NS));
            } else {
                prop_assert!(!decision.reasons.is_empty());
            }
        }
    }
}
