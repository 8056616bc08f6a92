use super::{super::tests::place, *};
use crate::{images::Image, reach::Direct};

const REPOSITORIES: &str = r#"{"Repositories":{
    "web":{"web:1":"sha256:aa","web:2":"sha256:bb",
           "web@sha256:0101":"sha256:aa"},
    "reg:5000/web":{"reg:5000/web:1":"sha256:aa"}}}"#;
const IMAGE: &str = r#"{"created":"2026-01-02T03:04:05Z","config":{"Labels":{"a":"b"}},
    "rootfs":{"type":"layers","diff_ids":[
        "sha256:1111111111111111111111111111111111111111111111111111111111111111",
        "sha256:2222222222222222222222222222222222222222222222222222222222222222"]}}"#;
const CONFIG: &str = r#"{"Name":"/web","Image":"sha256:aa","Config":{"Image":"web:1"},
    "State":{"Running":false,"StartedAt":"2026-02-02T03:04:05Z",
             "FinishedAt":"2026-02-03T03:04:05Z"}}"#;
const NEVER: &str = r#"{"Name":"/new","Image":"sha256:bb","Config":{"Image":"web:2"},
    "State":{"Running":true,"StartedAt":"0001-01-01T00:00:00Z",
             "FinishedAt":"0001-01-01T00:00:00Z"}}"#;
/// What Docker calls both layers together.
fn chain() -> String {
    use sha2::{Digest as _, Sha256};
    let both = format!("sha256:{} sha256:{}", "1".repeat(64), "2".repeat(64));
    Sha256::digest(both.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn named<'i>(store: &'i Store, id: &str) -> &'i Image {
    store.images.iter().find(|it| it.id == id).unwrap_or_else(|| panic!("{store:#?}"))
}

#[test]
fn docker_tells_all_in_files() {
    let top = format!("image/overlay2/layerdb/sha256/{}/size", chain());
    let base = format!("image/overlay2/layerdb/sha256/{}/size", "1".repeat(64));
    let content = "image/overlay2/imagedb/content/sha256";
    let (aa, bb) = (format!("{content}/aa"), format!("{content}/bb"));
    let files = [
        ("image/overlay2/repositories.json", REPOSITORIES),
        (&*aa, IMAGE),
        (&*bb, "{}"),
        (&*base, "100"),
        (&*top, "20"),
        ("containers/c1/config.v2.json", CONFIG),
        ("containers/c2/config.v2.json", NEVER),
    ];
    let folder = place("images-docker", &files);
    let store = docker::store(&Direct, folder.path()).unwrap();
    assert_eq!(store.lacks, Vec::<String>::new());
    let one = named(&store, "aa");
    assert_eq!(one.names, ["reg:5000/web:1", "web:1"]);
    assert_eq!((&one.digests[..], one.bytes()), (&["sha256:0101".to_owned()][..], Some(120)));
    assert_eq!(one.created_ns, Some(1_767_323_045_000_000_000));
    assert!(one.arrived_ns.is_some() && one.labels["a"] == "b");
    assert_eq!(named(&store, "bb").names, ["web:2"]);
    let told: Vec<_> =
        store.uses.iter().map(|it| (&*it.name, it.state, &*it.image, &*it.image_id)).collect();
    let (stopped, running) = (RunState::Stopped, RunState::Running);
    assert_eq!(
        told,
        [("web", stopped, "web:1", "sha256:aa"), ("new", running, "web:2", "sha256:bb")]
    );
    let last: Vec<_> = store.uses.iter().map(|it| it.last_ns).collect();
    assert_eq!(last, [Some(1_770_087_845_000_000_000), None]);
}

#[test]
fn what_cannot_be_read_is_told() {
    let files = [("containers/c1/config.v2.json", "{"), ("containers/c2/hostconfig.json", "{}")];
    let folder = place("images-docker-broken", &files);
    let store = docker::store(&Direct, folder.path()).unwrap();
    let [broken, none] = &store.lacks[..] else { panic!("{store:#?}") };
    assert!(broken.ends_with("c1/config.v2.json cannot be read"), "{broken}");
    assert!(none.ends_with("c2/config.v2.json is not there"), "{none}");
    assert_eq!(docker::store(&Direct, &folder.path().join("nowhere")), None);
    let files = [("overlay-containers/containers.json", "[{")];
    let folder = place("images-storage-broken", &files);
    assert_eq!(storage::store(&Direct, folder.path()).unwrap().lacks.len(), 1);
}

#[test]
fn podman_tells_all_in_lists() {
    let images = r#"[{"id":"aa","digest":"sha256:0101","names":["localhost/web:1"],"layer":"l2",
        "created":"2026-01-02T03:04:05Z","big-data-digests":{"manifest-sha256:0202":"sha256:0202",
        "sha256:aa":"sha256:aa"}}]"#;
    let layers = r#"[{"id":"l1","diff-size":100},{"id":"l2","parent":"l1","diff-size":20}]"#;
    let containers = r#"[{"id":"c1","names":["web"],"image":"aa","created":"2026-02-02T03:04:05Z",
        "metadata":"{\"image-name\":\"localhost/web:1\",\"image-id\":\"aa\"}"}]"#;
    let sandboxes = r#"[{"id":"c2","image":"aa","metadata":"{\"pod\":true}"}]"#;
    let files = [
        ("overlay-images/images.json", images),
        ("overlay-images/aa/=c2hhMjU2OmFh", IMAGE),
        ("overlay-layers/layers.json", layers),
        ("overlay-containers/containers.json", containers),
        ("overlay-containers/volatile-containers.json", sandboxes),
    ];
    let folder = place("images-storage", &files);
    let store = storage::store(&Direct, folder.path()).unwrap();
    let one = named(&store, "aa");
    assert_eq!((&one.names[..], one.bytes()), (&["localhost/web:1".to_owned()][..], Some(120)));
    assert_eq!(one.digests, ["sha256:0101", "sha256:0202"]);
    assert!(one.arrived_ns.is_some() && one.labels["a"] == "b");
    let told: Vec<_> =
        store.uses.iter().map(|it| (&*it.id, &*it.image, &*it.image_id, it.is_sandbox)).collect();
    assert_eq!(told, [("c1", "localhost/web:1", "aa", false), ("c2", "", "aa", true)]);
    assert_eq!(storage::store(&Direct, &folder.path().join("overlay-images/aa")), None);
}
