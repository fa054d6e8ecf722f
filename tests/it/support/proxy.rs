//! A capture proxy that runs, and what its trace says.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::KilledAtDrop;
use super::cli::{Perfkit, perfkit};
use super::pg::Database;

/// A proxy that runs.
pub(crate) struct Proxy {
    pub(crate) child: KilledAtDrop,
    pub(crate) port: u16,
    pub(crate) trace: PathBuf,
    /// What it says beside its result.
    pub(crate) stderr: Arc<Mutex<String>>,
    pub(crate) reader: JoinHandle<()>,
    pub(crate) folder: tempfile::TempDir,
}

/// What a proxy left.
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) events: Vec<Value>,
    /// The file, as long as this lives.
    pub(crate) trace: PathBuf,
    _folder: tempfile::TempDir,
}

pub(crate) fn proxy(database: &Database, more: &[&str]) -> Proxy {
    let mut args = vec!["capture", "proxy", "--listen", "127.0.0.1:0", "-o", "a.trace", "-d", &database.url];
    args.extend(more);
    started(perfkit(&args))
}

pub(crate) fn started(command: Perfkit) -> Proxy {
    let (child, folder) = command.spawn();
    let mut child = KilledAtDrop(child);
    let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    let mut said = String::new();
    let port = loop {
        let line = lines.next().unwrap_or_else(|| panic!("the proxy did not start:\n{said}")).expect("text");
        if let Some(rest) = line.strip_prefix("proxy: 127.0.0.1:") {
            break rest.split(' ').next().and_then(|port| port.parse().ok()).expect("a port");
        }
        said.push_str(&line);
    };
    let stderr = Arc::new(Mutex::new(String::new()));
    let kept = stderr.clone();
    let reader = std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            kept.lock().expect("nobody panics with it").extend([&line, "\n"]);
        }
    });
    Proxy { child, port, trace: folder.path().join("a.trace"), stderr, reader, folder }
}

impl Proxy {
    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().expect("a small number")), signal).expect("it is ours");
    }

    pub(crate) fn said(&self) -> String {
        self.stderr.lock().expect("nobody panics with it").clone()
    }

    /// Waits until it says something.
    pub(crate) fn await_word(&self, word: &str) {
        let deadline = Instant::now() + Duration::from_mins(2);
        while !self.said().contains(word) {
            assert!(Instant::now() < deadline, "no {word:?} in {}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it as Ctrl-C does.
    pub(crate) fn end(mut self) -> Ended {
        self.signal(Signal::SIGINT);
        let status = self.child.wait().expect("it ends").code();
        let mut stdout = String::new();
        self.child.stdout.take().expect("it is piped").read_to_string(&mut stdout).expect("text");
        let events = events(&self.trace);
        let stderr = self.stderr.clone();
        self.reader.join().expect("it is read");
        let stderr = stderr.lock().expect("nobody panics with it").clone();
        Ended { status, stdout, stderr, events, trace: self.trace, _folder: self.folder }
    }
}

pub(crate) fn show(trace: &Path) -> Perfkit {
    perfkit(&["capture", "show", "--json", trace.to_str().expect("a path of text")])
}

pub(crate) fn events(trace: &Path) -> Vec<Value> {
    let shown = show(trace).succeeds().stdout;
    shown.lines().map(|line| serde_json::from_str(line).expect("a line is an object")).collect()
}

impl Ended {
    pub(crate) fn of_type(&self, kind: &str) -> Vec<&Value> {
        self.events.iter().filter(|event| event["type"] == kind).collect()
    }

    /// Each execution as its statement's text and itself.
    pub(crate) fn executions(&self) -> Vec<(&str, &Value)> {
        let texts = self.of_type("statement");
        let text = |id: &Value| {
            texts
                .iter()
                .find(|statement| statement["statement"] == *id)
                .and_then(|found| found["sql"].as_str())
        };
        self.of_type("execution")
            .into_iter()
            .map(|execution| (text(&execution["statement"]).expect("it is known"), execution))
            .collect()
    }

    pub(crate) fn execution(&self, sql: &str) -> &Value {
        let found = self.executions().into_iter().find(|(text, _)| *text == sql);
        found.unwrap_or_else(|| panic!("no {sql:?} in {:?}", self.executions())).1
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.stdout.contains(", complete") && self.of_type("dropped").is_empty()
    }
}
