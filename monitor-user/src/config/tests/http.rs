use super::*;
use crate::{
    config::secret::Secret,
    sink::http::{HttpOptions, Preset, Token},
};

fn http(more: &str) -> HttpOptions {
    match sink(&format!("kind: http\n{more}")).target {
        Target::Http(http) => http,
        other => panic!("{other:?}"),
    }
}

fn with_token(name: &str) -> (crate::records::folder::Folder, String) {
    let folder = crate::records::folder::Folder::new(name);
    let path = folder.path().join("token");
    std::fs::write(&path, "open sesame\n").unwrap();
    (folder, format!("{path:?}"))
}

#[test]
fn receivers_of_http_are_described_whole() {
    let (_folder, token) = with_token("config-http");
    let http = http(&format!(
        "url: \"https://splunk:8088\"\npreset: \"splunk-hec\"\nformat: \"ocsf\"\n\
         headers: [\"A: b:c\", \"D:e\"]\ntoken_file: {token}\nproxy: \"http://u:shut@p:3128\"\n\
         gzip: true\nbatch_documents: 7\nbatch_bytes: 2048\nbatch_seconds: 2\nindex: \"i\"\n\
         source: \"s\"\nsourcetype: \"t\"\nca_file: \"/ca\"\ncertificate_file: \"/c\"\n\
         key_file: \"/k\"\ngive_up_seconds: 5"
    ));
    assert_eq!(http.preset, Preset::SplunkHec);
    assert_eq!(http.url, "https://splunk:8088/services/collector/event");
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(http.headers, [pair("A", "b:c"), pair("D", "e")]);
    let Some(Token { secret, scheme }) = &http.token else { panic!("no token") };
    assert_eq!((&*scheme.clone(), secret.file().is_some()), ("Splunk", true));
    assert_eq!(secret.read(&crate::reach::Direct).unwrap(), "open sesame");
    let batch = &http.batch;
    assert_eq!((batch.documents, batch.bytes, batch.wait), (7, 2048, Duration::from_secs(2)));
    assert_eq!(http.labelling.index.as_deref(), Some("i"));
    assert_eq!((http.gzip, http.give_up), (true, Some(Duration::from_secs(5))));
    assert_eq!(Target::Http(http.clone()).files().len(), 4);
    let shown = format!("{http:?}");
    assert!(!shown.contains("sesame") && !shown.contains("shut"), "{shown}");
    assert!(!format!("{:?}", Secret::Said("sesame".to_owned())).contains("sesame"));
}

/// Each preset has a form, a path and a way to say who this is of its own.
#[test]
fn presets_have_defaults() {
    for (preset, path, documents, scheme) in [
        ("webhook", "/", 1, "Bearer"),
        ("falcosidekick", "/", 1, "Bearer"),
        ("splunk-hec", "/services/collector/event", 256, "Splunk"),
        (
            "elasticsearch-bulk",
            "/_bulk?filter_path=errors,items.*.status,items.*.error",
            256,
            "ApiKey",
        ),
        ("loki", "/loki/api/v1/push", 256, "Bearer"),
        ("otlp", "/v1/logs", 256, "Bearer"),
    ] {
        let of = |url: &str| http(&format!("url: \"{url}\"\npreset: \"{preset}\""));
        for url in ["http://h:1", "http://h:1/"] {
            assert_eq!(of(url).url, format!("http://h:1{path}"), "{preset}");
        }
        // A path of one's own is taken as it is.
        assert_eq!(of("http://h/a/b?c=d").url, "http://h/a/b?c=d");
        assert_eq!(of("http://h").batch.documents, documents, "{preset}");
        let named = Preset::from_name(preset).unwrap();
        assert_eq!((named.name(), named.token_scheme()), (preset, scheme));
    }
    assert_eq!(http("url: \"http://h\"").preset, Preset::Webhook);
    assert_eq!(crate::config::sinks::PRESETS, Preset::ALL.map(|(_, name)| name));
}

#[test]
fn what_an_http_sink_cannot_do_is_refused() {
    let (_folder, token) = with_token("config-http-wrong");
    let of = |more: &str, expected: &str| {
        bad(&sinks(&format!("kind: http\n{more}")), &format!("c.yaml: sinks[0].{expected}"));
    };
    let at = "url: \"https://h\"\n";
    let of_h = |more: &str, expected: &str| of(&format!("{at}{more}"), expected);
    of("", "url: an http sink needs a url");
    for url in ["u", "ftp://h", "http://", "http://h y"] {
        of(&format!("url: {url:?}"), &format!("url: `{url}` is no http:// or https:// address"));
    }
    let url = "url: \"http://u:p@h/\"";
    of(url, "url: it holds a name or a password: use `token_file` or `token_env`");
    let header = |text: &str, expected: &str| {
        of_h(&format!("headers: [\"{text}\"]"), &format!("headers: {expected}"));
    };
    let no_name =
        |name: &str| format!("{name} is no name of a header: use letters, digits and `-`");
    header("no colon", "\"no colon\" is not of the form `Name: value`");
    header(r"bad\nheader: x", &no_name(r#""bad\nheader""#));
    header("two words: x", &no_name("\"two words\""));
    header(": x", &no_name("\"\""));
    header(r"A: x\ny", "the value of `A` may have no control characters");
    header("Content-Length: 3", "`Content-Length` is set by runmon itself: leave it out");
    let names = "webhook, falcosidekick, splunk-hec, elasticsearch-bulk, loki, otlp";
    of_h("preset: \"kafka\"", &format!("preset: `kafka` is none of {names}"));
    of_h(
        "preset: \"falcosidekick\"\nformat: \"ecs\"",
        "format: a receiver of the preset falcosidekick does not take it so",
    );
    of_h(
        "batch_documents: 2\nformat: \"cef\"",
        "format: a receiver of the preset webhook does not take it so",
    );
    of_h(
        "preset: \"falcosidekick\"\nbatch_documents: 2",
        "batch_documents: 2 is not between 1 and 1",
    );
    of_h("batch_documents: 513", "batch_documents: 513 is not between 1 and 512");
    of_h("batch_bytes: 1", "batch_bytes: 1 is not between 1024 and 16777216");
    of_h("batch_seconds: 6", "batch_seconds: 6 is not between 0 and 5");
    of_h("index: \"i\"", "index: a receiver of the preset webhook has none");
    for index in ["Logs", "a b", "-a", "a*"] {
        of_h(
            &format!("preset: elasticsearch-bulk\nindex: \"{index}\""),
            &format!("index: `{index}` is no name of an index or a data stream"),
        );
    }
    of_h("source: \"\"", "source: it has 1 to 256 bytes");
    of_h("proxy: \"socks5://u:p@h\"", "proxy: it is no http://[USER:PASSWORD@]HOST:PORT");
    of_h("token_scheme: \"Bearer\"", "token_scheme: it is of no use without a token");
    of_h(
        &format!("token_file: {token}\ntoken_env: \"T\""),
        "token_env: there is `token_file`, too: leave one of them out",
    );
    of_h(
        &format!("token_file: {token}\ntoken_scheme: \"a b\""),
        "token_scheme: `a b` is no single word",
    );
    of_h(
        &format!("token_file: {token}\nheaders: [\"authorization: x\"]"),
        "headers: `Authorization` is said by the token: leave it out",
    );
    of_h("token_file: \"t\"", "token_file: a path from the root is needed");
    of_h(
        "token_env: \"RUNMON_NO_SUCH_VARIABLE\"",
        "token_env: the variable RUNMON_NO_SUCH_VARIABLE of the environment is not set",
    );
    let plain = "url: \"http://h\"\nca_file: \"/c\"";
    of(plain, "ca_file: it is of no use while `url` does not begin with https://");
    of_h("key_file: \"/k\"", "certificate_file: a key needs its certificate");
}

/// The examples that people are shown can be used.
#[test]
fn the_examples_are_true() {
    const PAGE: &str = include_str!("../../../../docs/sinks.md");
    let (_folder, token) = with_token("config-http-examples");
    let mut presets = Vec::new();
    for block in PAGE.split("```yaml\n").skip(1) {
        let example = block.split("```").next().unwrap();
        let of_file = |line: &str| match line.split_once("_file: ") {
            Some((key @ ("  token" | "  shared_key" | "  password"), _)) => {
                format!("{key}_file: {token}\n")
            }
            _ => format!("{line}\n"),
        };
        let example: String = example.lines().map(of_file).collect();
        if let Target::Http(http) = good(&example).sinks.remove(0).target {
            presets.push(http.preset);
        }
    }
    assert_eq!(presets, Preset::ALL.map(|(preset, _)| preset));
}
