//! Runs the perfkit program in a clean environment and an empty folder.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use nix::sys::statvfs::statvfs;
use serde_json::Value;

use super::pg::{Database, bin};

/// A command that does not end by itself must not keep the whole suite from its end. None takes a tenth of this.
const PATIENCE: Duration = Duration::from_mins(5);

/// Why a measurement is invalid that nothing in it has spoiled.
const NEIGHBORS: &str = "other virtual machines took";

/// How often a measurement is made at the most.
const N_TRIES: usize = 5;

/// A perfkit command to run.
pub(crate) struct Perfkit {
    command: Command,
    folder: tempfile::TempDir,
    input: Option<String>,
}

/// What a run printed and returned.
pub(crate) struct Finished {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn perfkit(args: &[&str]) -> Perfkit {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_perfkit"));
    command
        .args(args)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", folder.path())
        .env("COLUMNS", "100")
        .env("TZ", "UTC")
        .env("PERFKIT_PG_BIN", bin())
        .env("TMPDIR", folder_of_servers())
        // No test finds a sandbox that the developer has running.
        .env("PERFKIT_SANDBOX_DIR", folder.path().join("no-sandbox"))
        .current_dir(folder.path())
        .stdin(Stdio::null());
    Perfkit { command, folder, input: None }
}

/// Returns where perfkit makes its throw-away servers: in memory where there is plenty, because some file systems take seconds for the
/// thousands of files that come and go with each.
fn folder_of_servers() -> &'static str {
    const MEMORY: &str = "/dev/shm";
    const PLENTY: f64 = 4e9;
    let free = statvfs(MEMORY).map_or(0.0, |it| it.blocks_available() as f64 * it.fragment_size() as f64);
    if free >= PLENTY { MEMORY } else { "/tmp" }
}

impl Perfkit {
    pub(crate) fn on(self, database: &Database) -> Self {
        self.env("DATABASE_URL", &database.url)
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Writes a file into the folder that the command runs in.
    pub(crate) fn file(self, name: &str, content: &str) -> Self {
        std::fs::write(self.folder.path().join(name), content).expect("the folder can be written");
        self
    }

    /// Runs in a folder that is there already.
    pub(crate) fn within(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the command by a shell's script, as its `"$@"`.
    pub(crate) fn through_shell(mut self, script: &str) -> Self {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", script, "sh"]).arg(self.command.get_program()).args(self.command.get_args());
        shell.env_clear().envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.current_dir(self.folder.path()).stdin(Stdio::null());
        self.command = shell;
        self
    }

    /// Gives the command this text on standard input.
    pub(crate) fn input(mut self, text: &str) -> Self {
        self.command.stdin(Stdio::piped());
        self.input = Some(text.to_owned());
        self
    }

    pub(crate) fn run(mut self) -> Finished {
        self.run_once()
    }

    fn run_once(&mut self) -> Finished {
        let mut child = self.start();
        let Some(input) = self.input.clone() else { return finished(&output(child)) };
        let mut stdin = child.stdin.take().expect("it is piped");
        let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
        let output = output(child);
        // A command that refuses its input early closes the pipe.
        let _ = writer.join().expect("the writer ends");
        finished(&output)
    }

    /// Starts the command and leaves it running; the folder stays until both are dropped.
    pub(crate) fn spawn(mut self) -> (Child, tempfile::TempDir) {
        (self.start(), self.folder)
    }

    fn start(&mut self) -> Child {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("perfkit starts")
    }

    /// Runs and requires exit status 0.
    pub(crate) fn succeeds(self) -> Finished {
        self.exits(0)
    }

    /// Runs and requires this exit status. A measurement that the machine's neighbors have spoiled is made again, as its user would.
    pub(crate) fn exits(mut self, status: i32) -> Finished {
        let is_spoiled = |run: &Finished| {
            run.status == 4
                && status != 4
                && [&run.stdout, &run.stderr].iter().any(|it| it.contains(NEIGHBORS))
        };
        let mut finished = self.run_once();
        for _ in 1..N_TRIES {
            if !is_spoiled(&finished) {
                break;
            }
            finished = self.run_once();
        }
        assert_eq!(finished.status, status, "stdout:\n{}\nstderr:\n{}", finished.stdout, finished.stderr);
        finished
    }

    /// Requires a failure with this status whose error output holds all of these.
    pub(crate) fn fails(self, status: i32, expected: &[&str]) -> Finished {
        let finished = self.exits(status);
        for part in expected {
            assert!(finished.stderr.contains(part), "no {part:?} in:\n{}", finished.stderr);
        }
        assert!(finished.stderr.contains("error: "), "{}", finished.stderr);
        assert!(finished.stderr.lines().count() <= 24, "an error fits on a screen:\n{}", finished.stderr);
        finished
    }
}

impl Finished {
    pub(crate) fn json(&self) -> Value {
        self.json_as()
    }

    /// Reads the output back through a strict mirror of its documented form.
    pub(crate) fn json_as<T: serde::de::DeserializeOwned>(&self) -> T {
        let Self { status, stdout, stderr } = self;
        serde_json::from_str(stdout)
            .unwrap_or_else(|error| panic!("{error}:\n{stdout}\nstatus {status}, stderr:\n{stderr}"))
    }
}

/// Returns what a command prints until it ends, or is killed because it does not.
pub(crate) fn output(child: Child) -> Output {
    use nix::sys::signal::{Signal, kill};
    let pid = nix::unistd::Pid::from_raw(child.id().try_into().expect("a process has a small number"));
    let (ended, end) = channel::<()>();
    let guard = std::thread::spawn(move || {
        if end.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            kill(pid, Signal::SIGKILL).expect("it is ours");
        }
    });
    let output = child.wait_with_output().expect("it ends");
    drop(ended);
    guard.join().expect("the guard ends");
    output
}

/// Waits for the end of a command that was left running.
pub(crate) fn end(child: Child) -> Finished {
    finished(&output(child))
}

/// Waits for the end of a command of a proof, however long it takes.
pub(crate) fn end_of_proof(child: Child) -> Finished {
    finished(&child.wait_with_output().expect("it ends"))
}

pub(crate) fn finished(output: &Output) -> Finished {
    use std::os::unix::process::ExitStatusExt as _;
    let status = output.status.code().or(output.status.signal().map(|signal| -signal)).expect("it ended");
    Finished {
        status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
