//! A browser without a window, led over the WebDriver protocol.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::containerd::end_with_parent;
use crate::wait;

/// What Chromium is told: it runs as root, in a lab, and talks to nobody else.
const ARGUMENTS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,900",
];

/// A running browser; it ends when this is dropped.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
}

/// How often it is started: the port that it picked can be somebody's by the time it listens.
const TRIES: usize = 5;

/// A driver and its port; None if it got none.
fn driver() -> Option<(Child, u16)> {
    let mut command = Command::new("chromedriver");
    command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null());
    let mut driver = end_with_parent(&mut command).spawn().expect("start chromedriver");
    let mut said = BufReader::new(driver.stdout.take().expect("it is piped"));
    let mut line = String::new();
    while said.read_line(&mut line).expect("what chromedriver says") > 0 {
        let after = line.split("started successfully on port ").nth(1);
        if let Some(port) = after.and_then(|it| it.trim().trim_end_matches('.').parse().ok()) {
            return Some((driver, port));
        }
        line.clear();
    }
    driver.wait().expect("it ended");
    None
}

impl Browser {
    /// Starts one whose files are in `dir`.
    pub fn start(dir: &Path) -> Self {
        let (driver, port) = (0..TRIES).find_map(|_| driver()).expect("chromedriver gets a port");
        let mut browser = Self { driver, port, session: String::new() };
        let own = format!("--user-data-dir={}", dir.display());
        let arguments: Vec<&str> = ARGUMENTS.into_iter().chain([own.as_str()]).collect();
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "args": arguments },
        } } });
        let session = browser.ask("POST", "/session", &wanted);
        browser.session = session["sessionId"].as_str().expect("a session").to_owned();
        browser
    }

    /// One command of the protocol, and what comes of it.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("reach chromedriver");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(format!("{head}{body}").as_bytes()).expect("ask chromedriver");
        let mut answer = read(BufReader::new(stream));
        let value = answer["value"].take();
        assert!(value.get("error").is_none(), "{method} {path}: {value:#}");
        value
    }

    fn command(&self, name: &str, body: &Value) -> Value {
        self.ask("POST", &format!("/session/{}/{name}", self.session), body)
    }

    /// Opens an address.
    pub fn open(&self, address: &str) {
        self.command("url", &json!({ "url": address }));
    }

    /// Runs a script in the page; what it returns.
    pub fn run(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Presses keys, as at a keyboard.
    pub fn press(&self, keys: &str) {
        let each = keys.chars().flat_map(|key| {
            [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })]
        });
        let actions: Vec<Value> = each.collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": actions });
        self.command("actions", &json!({ "actions": [keyboard] }));
    }

    /// All text of the page that can be seen.
    pub fn text(&self) -> String {
        self.run("return document.body.innerText").as_str().expect("text").to_owned()
    }

    /// Waits until the page shows this.
    pub fn expect(&self, word: &str) {
        let shown = wait::until_or(|| self.text().contains(word).then_some(()));
        assert!(shown.is_some(), "the page does not show {word:?}: {}", self.text());
    }

    /// Waits until a script returns true.
    pub fn expect_true(&self, script: &str) {
        wait::until(script, || (self.run(script) == true).then_some(()));
    }

    /// What the page complained about since this was asked last.
    pub fn complaints(&self) -> Vec<String> {
        let told = self.command("se/log", &json!({ "type": "browser" }));
        let entries = told.as_array().into_iter().flatten();
        entries.filter_map(|entry| entry["message"].as_str().map(str::to_owned)).collect()
    }

    /// Shows the page on a screen of another size.
    pub fn resize(&self, width: u32, height: u32) {
        let params = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
        });
        let wanted = json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": params });
        self.command("goog/cdp/execute", &wanted);
    }

    /// A picture of the page, in base64, with the colours of a scheme.
    pub fn picture(&self, scheme: &str) -> String {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        let wanted = json!({
            "cmd": "Emulation.setEmulatedMedia", "params": { "features": features },
        });
        self.command("goog/cdp/execute", &wanted);
        let path = format!("/session/{}/screenshot", self.session);
        let picture = self.ask("GET", &path, &Value::Null);
        picture.as_str().expect("a picture").to_owned()
    }
}

/// The body of an answer, which leaves the connection open.
fn read(mut answer: BufReader<TcpStream>) -> Value {
    let mut length = 0;
    let mut line = String::new();
    while answer.read_line(&mut line).expect("the head of an answer") > 2 {
        let head = line.to_ascii_lowercase();
        let told = head.strip_prefix("content-length:").and_then(|it| it.trim().parse().ok());
        length = told.unwrap_or(length);
        line.clear();
    }
    let mut body = vec![0; length];
    answer.read_exact(&mut body).expect("the body of an answer");
    serde_json::from_slice(&body).expect("JSON")
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() && !std::thread::panicking() {
            self.ask("DELETE", &format!("/session/{}", self.session), &Value::Null);
        }
        // It ends the browser that it started.
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.driver.id()).expect("a pid"));
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap_or_default();
        self.driver.wait().expect("chromedriver ends");
    }
}
