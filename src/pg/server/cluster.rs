//! A throw-away server in a folder of its own, reachable through a socket alone, gone with its owner.

use std::fs;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{Account, Programs, SUPERUSER, hand_over, unprivileged_account};
use crate::config::{Environment, Timeouts};
use crate::pg::connect::{Access, Connection, Target};
use crate::pg::conninfo::{Conninfo, percent_encode};
use crate::pg::error::{Error, Result};
use crate::pg::interrupt::Interrupt;

/// initdb and the first start take about a second; a loaded machine takes longer.
const START_TIMEOUT: Duration = Duration::from_mins(1);
const START_POLL: Duration = Duration::from_millis(20);
const PORT: &str = "5432";
/// The name of the socket of that port.
pub(super) const SOCKET: &str = ".s.PGSQL.5432";

/// `-c` settings of a server, beside those that every local server has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings(pub(crate) &'static [&'static str]);

impl Settings {
    /// For data that is loaded and queried.
    pub(crate) const DATA: Self = Self(&[
        "shared_buffers=256MB",
        "max_wal_size=4GB",
        "checkpoint_timeout=30min",
        "track_io_timing=on",
        // What `perfkit bench` is measured with, and some.
        "max_connections=300",
    ]);
    /// For data that is measured while indexes are switched in the catalog: a vacuum that does not see an index would
    /// leave entries in it that point at other rows.
    pub(crate) const TRIAL: Self = Self(&[
        "autovacuum=off",
        "shared_buffers=256MB",
        "max_wal_size=4GB",
        "checkpoint_timeout=30min",
        "maintenance_work_mem=256MB",
        "max_connections=20",
    ]);
    /// For planning without data: nothing may touch the statistics that were put there.
    pub(crate) const PLANNING: Self = Self(&[
        "autovacuum=off",
        "shared_buffers=32MB",
        "jit=off",
        // Nobody reads the log of what is made here.
        "min_wal_size=32MB",
        "max_wal_size=32MB",
        "wal_recycle=off",
        "wal_init_zero=off",
        // Two a planner.
        "max_connections=64",
        // Planning locks every partition with each of its indexes.
        "max_locks_per_transaction=1024",
    ]);
}

/// What every local server runs with: speed over durability, no network.
pub(super) const COMMON_SETTINGS: [&str; 6] = [
    "listen_addresses=",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
];

/// A running throw-away server. Dropping it stops it and removes its files; so does the end of this process.
pub(crate) struct Cluster {
    folder: PathBuf,
    guard: Child,
    pub(crate) major: u32,
    account: Option<Account>,
}

impl Cluster {
    /// Creates a cluster and waits until it answers.
    pub(crate) async fn start(
        programs: &Programs,
        settings: Settings,
        environment: &Environment,
    ) -> Result<Self> {
        let account = unprivileged_account()?;
        let parent = environment.set("TMPDIR").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
        let folder = parent.join(folder_name());
        let guard = spawn_guard(programs, settings, &folder, account.as_ref())?;
        let mut cluster = Self { folder, guard, major: programs.major, account };
        cluster.wait_until_ready().await?;
        Ok(cluster)
    }

    /// Returns a database of this server as a target.
    pub(crate) fn target(&self, database: &str, timeouts: Timeouts) -> Result<Target> {
        target(&self.folder, SUPERUSER, database, timeouts)
    }

    /// Returns a database of this server as a target for another role.
    pub(crate) fn target_as(&self, role: &str, database: &str, timeouts: Timeouts) -> Result<Target> {
        target(&self.folder, role, database, timeouts)
    }

    /// Returns the path of a file below the data folder, given relative to it.
    pub(crate) fn data_file(&self, relative: &str) -> PathBuf {
        self.folder.join("data").join(relative)
    }

    /// Gives a file that was made beside the server to the server.
    pub(crate) fn hand_over(&self, path: &Path) -> Result<()> {
        hand_over(path, self.account.as_ref())
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let timeouts = Timeouts { statement: START_TIMEOUT, lock: START_TIMEOUT };
        let target = self.target("postgres", timeouts)?;
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            let Err(failed) = connect(&target).await else { return Ok(()) };
            let has_ended = matches!(self.guard.try_wait(), Ok(Some(_)));
            // A server that gave up has left its reason in the log, while the guard waits for us.
            let reason = failure_in(&self.log());
            if has_ended || reason.is_some() || Instant::now() > deadline {
                let reason = reason.unwrap_or_else(|| {
                    if self.folder.exists() {
                        failed.to_string()
                    } else {
                        format!("could not make {:?}", self.folder)
                    }
                });
                return Err(Error::LocalServer {
                    message: format!("could not start a local server: {reason}"),
                    hint: "Check disk space and shared memory, or name other programs with `--pg-bin`."
                        .to_owned(),
                });
            }
            tokio::time::sleep(START_POLL).await;
        }
    }

    fn log(&self) -> String {
        let mut log = String::new();
        if let Ok(mut file) = fs::File::open(self.folder.join("log")) {
            let _ = file.read_to_string(&mut log);
        }
        log
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // The guard ends when the server has; without it there is nothing to wait for.
        let _ = self.guard.wait();
    }
}

/// Returns a name that no other run has: the process is ours alone, the time sets its servers apart.
fn folder_name() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    format!("perfkit-{}-{:x}", std::process::id(), now)
}

async fn connect(target: &Target) -> Result<Connection> {
    target.connect(Access::ReadWrite, &Interrupt::new()).await
}

/// Picks the line of a log that says what went wrong; connecting too early is nothing wrong.
fn failure_in(log: &str) -> Option<String> {
    log.lines()
        .find(|line| {
            (line.contains("FATAL:") || line.contains("error:"))
                && !line.contains("the database system is starting up")
        })
        .map(str::to_owned)
}

fn spawn_guard(
    programs: &Programs,
    settings: Settings,
    folder: &Path,
    account: Option<&Account>,
) -> Result<Child> {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", include_str!("guard.sh"), "perfkit-guard"])
        .arg(folder)
        .arg(&programs.bin)
        // 18 turned checksums on; nothing here outlives its server, and the shadow writes pages beside it.
        .arg(if programs.major >= 18 { "--no-data-checksums" } else { "" })
        .args(["-k".as_ref(), folder.as_os_str()])
        .args(COMMON_SETTINGS.iter().chain(settings.0).flat_map(|setting| ["-c", setting]))
        .env_clear()
        .envs([("PATH", "/usr/bin:/bin"), ("LC_ALL", "C"), ("TZ", "UTC")])
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C on the terminal is for perfkit, which stops the server itself.
        .process_group(0);
    if let Some(account) = account {
        command.uid(account.uid).gid(account.gid);
    }
    command.spawn().map_err(Error::file("start a local server"))
}

/// Returns a connection string for a server whose socket is in `folder`.
pub(super) fn url(folder: &Path, role: &str, database: &str) -> String {
    format!(
        "postgresql:///{database}?host={}&port={PORT}&user={role}",
        percent_encode(&folder.to_string_lossy())
    )
}

pub(super) fn target(folder: &Path, role: &str, database: &str, timeouts: Timeouts) -> Result<Target> {
    let conninfo = Conninfo::parse(&url(folder, role, database)).map_err(Error::Conninfo)?;
    // Nothing of the user's environment is meant for a server that we made.
    Target::new(conninfo, &Environment::default(), timeouts)
}
