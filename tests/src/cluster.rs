//! A small, strict server of the Kubernetes API: lists and watches of pods and services, for who
//! has the token and asks as it should.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

/// The node whose pods may be asked for.
pub const NODE: &str = "node-of-the-test";

/// Objects of a page.
const PAGE: usize = 2;

/// The server.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Where it is.
    pub server: String,
    /// The file with the token that it takes.
    pub token_file: PathBuf,
    state: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Debug, Default)]
struct State {
    version: u64,
    token: String,
    /// What there is, by kind.
    objects: Vec<(&'static str, Value)>,
    /// What happened: version, kind, and a change.
    changes: Vec<(u64, &'static str, Value)>,
    /// Changes up to this version are forgotten.
    forgotten: u64,
    /// Watches that began before this one are ended.
    epoch: u64,
    /// What was asked: status and path.
    asked: Vec<(u16, String)>,
}

impl Cluster {
    /// Starts one; its token is in a file below `dir`.
    pub fn start(dir: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind the API");
        let server = format!("http://{}", listener.local_addr().expect("its address"));
        let state: Arc<(Mutex<State>, Condvar)> = Arc::default();
        let cluster = Self { server, token_file: dir.join("token"), state };
        cluster.renew_token("first");
        let serving = cluster.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serving = serving.clone();
                std::thread::spawn(move || serving.serve(stream));
            }
        });
        cluster
    }

    /// Keys of the configuration with which it is asked.
    pub fn keys(&self) -> String {
        let Self { server, token_file, .. } = self;
        let asked = format!("server: {server:?}, token_file: {token_file:?}");
        format!("node: {NODE:?}\nkubernetes: {{ api: true, services: true, {asked} }}")
    }

    /// Takes another token from now on, which stands in the file, as a kubelet renews it.
    pub fn renew_token(&self, token: &str) {
        self.with(|state| token.clone_into(&mut state.token));
        let beside = self.token_file.with_extension("new");
        std::fs::write(&beside, format!("{token}\n")).expect("write the token");
        std::fs::rename(&beside, &self.token_file).expect("replace the token");
    }

    /// Makes an object, or changes it.
    pub fn put(&self, kind: &'static str, mut object: Value) {
        self.with(|state| {
            state.version += 1;
            object["metadata"]["resourceVersion"] = json!(state.version.to_string());
            let uid = object["metadata"]["uid"].clone();
            let is_it = |(of, it): &(&str, Value)| *of == kind && it["metadata"]["uid"] == uid;
            let before = state.objects.iter().position(is_it);
            let change = json!({
                "type": if before.is_some() { "MODIFIED" } else { "ADDED" }, "object": &object,
            });
            match before.and_then(|at| state.objects.get_mut(at)) {
                Some((_, there)) => *there = object,
                None => state.objects.push((kind, object)),
            }
            state.changes.push((state.version, kind, change));
        });
    }

    /// Removes an object.
    pub fn remove(&self, kind: &'static str, uid: &str) {
        self.with(|state| {
            state.version += 1;
            let is_it = |(of, it): &(&str, Value)| *of == kind && it["metadata"]["uid"] == uid;
            let at = state.objects.iter().position(is_it).expect("it is there");
            let (_, mut object) = state.objects.remove(at);
            object["metadata"]["resourceVersion"] = json!(state.version.to_string());
            let change = json!({ "type": "DELETED", "object": object });
            state.changes.push((state.version, kind, change));
        });
    }

    /// Ends all watches; changes until now are forgotten, so that they must be listed anew.
    pub fn forget(&self) {
        self.with(|state| {
            state.version += 1;
            state.forgotten = state.version;
            state.epoch += 1;
        });
    }

    /// How often it was asked for something whose path starts so, with this status.
    pub fn asked(&self, status: u16, path: &str) -> usize {
        self.with(|state| {
            let is_it = |(of, it): &&(u16, String)| *of == status && it.starts_with(path);
            state.asked.iter().filter(is_it).count()
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let (state, changed) = &*self.state;
        let result = act(&mut state.lock().unwrap_or_else(PoisonError::into_inner));
        changed.notify_all();
        result
    }

    fn serve(&self, stream: TcpStream) {
        let mut head = Vec::new();
        for line in BufReader::new(stream.try_clone().expect("clone the connection")).lines() {
            let Ok(line) = line else { return };
            if line.is_empty() {
                break;
            }
            head.push(line);
        }
        let Some(first) = head.first() else { return };
        let path = first.strip_prefix("GET ").and_then(|it| it.strip_suffix(" HTTP/1.1"));
        let path = path.unwrap_or_else(|| panic!("{first}")).to_owned();
        let token = head.iter().find_map(|line| line.strip_prefix("authorization: Bearer "));
        let mut answer = Answer { stream };
        let is_known = self.with(|state| token == Some(&state.token));
        // Who goes before all was said is no failure of the server's.
        let _gone = match Request::parse(&path) {
            _ if !is_known => self.refuse(&mut answer, &path, 401),
            None => self.refuse(&mut answer, &path, 403),
            Some(request) => self.give(&mut answer, &path, &request),
        };
    }

    fn refuse(&self, answer: &mut Answer, path: &str, status: u16) -> std::io::Result<()> {
        self.with(|state| state.asked.push((status, path.to_owned())));
        answer.begin(status)?;
        let text = json!({ "kind": "Status", "status": "Failure", "code": status });
        answer.chunk(&text.to_string())?;
        answer.chunk("")
    }

    fn give(&self, answer: &mut Answer, path: &str, request: &Request) -> std::io::Result<()> {
        if let Some(version) = request.watch {
            return self.watch(answer, path, request.kind, version);
        }
        self.with(|state| state.asked.push((200, path.to_owned())));
        let (first, (version, all)) = (
            request.first,
            self.with(|state| {
                let of = state.objects.iter().filter(|(kind, _)| *kind == request.kind);
                let all: Vec<Value> = of.map(|(_, object)| object.clone()).collect();
                (state.version, all)
            }),
        );
        let page: Vec<&Value> = all.iter().skip(first).take(PAGE).collect();
        let next = first + page.len();
        let mut metadata = json!({ "resourceVersion": version.to_string() });
        if next < all.len() {
            metadata["continue"] = json!(next.to_string());
        }
        answer.begin(200)?;
        let text = json!({ "kind": "List", "metadata": metadata, "items": page }).to_string();
        // In pieces that end anywhere.
        for piece in text.as_bytes().chunks(700) {
            answer.bytes(piece)?;
        }
        answer.chunk("")
    }

    fn watch(
        &self,
        answer: &mut Answer,
        path: &str,
        of: &str,
        mut after: u64,
    ) -> std::io::Result<()> {
        let (epoch, is_gone) = self.with(|state| (state.epoch, after < state.forgotten));
        if is_gone {
            return self.refuse(answer, path, 410);
        }
        self.with(|state| state.asked.push((200, path.to_owned())));
        answer.begin(200)?;
        loop {
            let (lines, is_over) = self.with(|state| {
                let news = state.changes.iter().filter(|(at, kind, _)| *at > after && *kind == of);
                let lines: Vec<String> = news.map(|(.., line)| format!("{line}\n")).collect();
                after = state.version;
                (lines, state.epoch != epoch)
            });
            for line in lines {
                // A change comes in two pieces.
                let (one, other) = line.split_at(line.len() / 2);
                answer.chunk(one)?;
                answer.chunk(other)?;
            }
            if is_over {
                let status = json!({ "kind": "Status", "status": "Failure", "code": 410 });
                answer.chunk(&format!("{}\n", json!({ "type": "ERROR", "object": status })))?;
                return answer.chunk("");
            }
            let object = json!({ "metadata": { "resourceVersion": after.to_string() } });
            answer.chunk(&format!("{}\n", json!({ "type": "BOOKMARK", "object": object })))?;
            let (state, changed) = &*self.state;
            let state = state.lock().unwrap_or_else(PoisonError::into_inner);
            let wait = |state: &mut State| state.version == after && state.epoch == epoch;
            let waited = changed.wait_timeout_while(state, Duration::from_secs(1), wait);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// What is asked for.
struct Request {
    kind: &'static str,
    /// Number of the first object of the page.
    first: usize,
    /// The version after which changes are asked for.
    watch: Option<u64>,
}

impl Request {
    /// None if the role that the manifests give does not allow it, or nobody asks so.
    fn parse(path: &str) -> Option<Self> {
        let (path, query) = path.split_once('?')?;
        let pairs: Vec<(&str, &str)> =
            query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let value = |name: &str| pairs.iter().find(|(it, _)| *it == name).map(|(_, value)| *value);
        let selector = format!("spec.nodeName%3D{NODE}");
        let kind = match path {
            "/api/v1/pods" if value("fieldSelector") == Some(&selector) => "pods",
            "/api/v1/services" => "services",
            _ => return None,
        };
        let known = [
            "fieldSelector",
            "limit",
            "continue",
            "resourceVersion",
            "watch",
            "timeoutSeconds",
            "allowWatchBookmarks",
        ];
        assert!(pairs.iter().all(|(name, _)| known.contains(name)), "{query}");
        let watch = match value("watch") {
            None => None,
            Some(_) => {
                assert_eq!(value("allowWatchBookmarks"), Some("true"), "{query}");
                assert!(value("timeoutSeconds").is_some(), "{query}");
                Some(value("resourceVersion")?.parse().ok()?)
            }
        };
        let first = value("continue").map_or(Some(0), |number| number.parse().ok())?;
        Some(Self { kind, first, watch })
    }
}

/// An answer, in chunks.
struct Answer {
    stream: TcpStream,
}

impl Answer {
    fn begin(&mut self, status: u16) -> std::io::Result<()> {
        write!(
            self.stream,
            "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\n\
             transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
        )
    }

    fn chunk(&mut self, text: &str) -> std::io::Result<()> {
        self.bytes(text.as_bytes())
    }

    /// An empty one is the last.
    fn bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        write!(self.stream, "{:x}\r\n", bytes.len())?;
        self.stream.write_all(bytes)?;
        write!(self.stream, "\r\n")?;
        self.stream.flush()
    }
}
