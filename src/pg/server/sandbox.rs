//! The sandbox: one local server per user that stays until it is stopped.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::cluster::{self, COMMON_SETTINGS, Settings};
use super::{Account, Programs, SUPERUSER, hand_over, unprivileged_account};
use crate::config::{Environment, Timeouts};
use crate::pg::connect::{Access, Target};
use crate::pg::error::{Error, Result};
use crate::pg::interrupt::Interrupt;
use crate::pg::sql;

/// The database that a new sandbox has.
pub(crate) const DATABASE: &str = "perfkit";
/// Longer paths of sockets are cut off by the operating system (107 bytes with the file's name).
const MAX_SOCKET_FOLDER: usize = 90;

/// The place of the sandbox, whether it is there or not.
pub(crate) struct Sandbox {
    folder: PathBuf,
    account: Option<Account>,
}

/// What is at the place of the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Absent,
    Stopped,
    Running,
}

impl Sandbox {
    /// Returns the sandbox of this user: `PERFKIT_SANDBOX_DIR`, or the folder for a user's state.
    pub(crate) fn of_user(environment: &Environment) -> Result<Self> {
        let account = unprivileged_account()?;
        let folder = if let Some(folder) = environment.set("PERFKIT_SANDBOX_DIR") {
            std::path::absolute(folder)
                .map_err(Error::file(format!("find the sandbox's folder {folder:?}")))?
        } else if account.is_some() {
            // Root's home is closed to the account that the server runs as.
            PathBuf::from("/var/lib/perfkit/sandbox")
        } else {
            environment
                .set("XDG_STATE_HOME")
                .map(PathBuf::from)
                .or_else(|| environment.home().map(|home| home.join(".local/state")))
                .ok_or_else(|| Error::LocalServer {
                    message: "could not find a place for the sandbox: HOME is not set".to_owned(),
                    hint: "Set HOME or PERFKIT_SANDBOX_DIR.".to_owned(),
                })?
                .join("perfkit/sandbox")
        };
        if folder.as_os_str().len() > MAX_SOCKET_FOLDER {
            return Err(Error::LocalServer {
                message: format!("the sandbox's folder {folder:?} has too long a path for a socket"),
                hint: "Set PERFKIT_SANDBOX_DIR to a shorter path.".to_owned(),
            });
        }
        Ok(Self { folder, account })
    }

    pub(crate) fn state(&self) -> State {
        if !self.data().join("PG_VERSION").is_file() {
            State::Absent
        } else if UnixStream::connect(self.folder.join(cluster::SOCKET)).is_ok() {
            // Whoever listens in this private folder is our server; a process number proves nothing.
            State::Running
        } else {
            State::Stopped
        }
    }

    pub(crate) fn url(&self) -> String {
        self.url_of(DATABASE)
    }

    pub(crate) fn url_of(&self, database: &str) -> String {
        cluster::url(&self.folder, SUPERUSER, database)
    }

    pub(crate) fn target(&self, timeouts: Timeouts) -> Result<Target> {
        self.target_of(DATABASE, timeouts)
    }

    pub(crate) fn target_of(&self, database: &str, timeouts: Timeouts) -> Result<Target> {
        cluster::target(&self.folder, SUPERUSER, database, timeouts)
    }

    /// Creates the cluster if it is absent and starts the server if it does not run.
    pub(crate) async fn start(
        &self,
        programs: &Programs,
        timeouts: Timeouts,
        interrupt: &Interrupt,
    ) -> Result<()> {
        if self.state() == State::Running {
            return Ok(());
        }
        if self.state() == State::Absent {
            self.create(programs)?;
        }
        let log = self.folder.join("log");
        self.run(programs, "pg_ctl", &["start".as_ref(), "-w".as_ref(), "-l".as_ref(), log.as_os_str()])?;
        let connection = self.target_of("postgres", timeouts)?.connect(Access::ReadWrite, interrupt).await?;
        let doing = || Error::query("create the sandbox's database");
        let exists =
            connection.query_opt(sql::DATABASE_EXISTS, &[&DATABASE]).await.map_err(doing())?.is_some();
        if !exists {
            connection
                .batch_execute(&format!("CREATE DATABASE {}", sql::quote_identifier(DATABASE)))
                .await
                .map_err(doing())?;
        }
        Ok(())
    }

    /// Stops the server and keeps the data.
    pub(crate) fn stop(&self, programs: &Programs) -> Result<()> {
        self.run(programs, "pg_ctl", &["stop".as_ref(), "-w".as_ref(), "-m".as_ref(), "fast".as_ref()])
    }

    /// Removes all data. The server is stopped already.
    pub(crate) fn remove(&self) -> Result<()> {
        fs::remove_dir_all(&self.folder).map_err(Error::file(format!("remove {:?}", self.folder)))
    }

    /// The major version that the data belongs to; a server of another version cannot read it.
    pub(crate) fn data_major(&self) -> Option<u32> {
        fs::read_to_string(self.data().join("PG_VERSION")).ok()?.trim().parse().ok()
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Makes the cluster beside its place and moves it there whole, so that a kill leaves no half of one.
    fn create(&self, programs: &Programs) -> Result<()> {
        let parent = self.folder.parent().unwrap_or(Path::new("/"));
        let doing = || Error::file(format!("make the sandbox's folder {:?}", self.folder));
        fs::create_dir_all(parent).map_err(doing())?;
        remove_abandoned(parent);
        let new = nix::unistd::mkdtemp(&parent.join("new-sandbox-XXXXXX"))
            .map_err(std::io::Error::from)
            .map_err(doing())?;
        let created = self.create_at(&new, programs).and_then(|()| {
            // An empty folder at the place is replaced; anything else makes the rename fail.
            fs::rename(&new, &self.folder).map_err(doing())
        });
        if created.is_err() {
            let _ = fs::remove_dir_all(&new);
        }
        // Another perfkit may have made it in the same moment; then its cluster is as good.
        if self.state() == State::Absent { created } else { Ok(()) }
    }

    fn create_at(&self, folder: &Path, programs: &Programs) -> Result<()> {
        let doing = || Error::file(format!("make the sandbox's folder {:?}", self.folder));
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(doing())?;
        hand_over(folder, self.account.as_ref())?;
        let data = folder.join("data");
        let pgdata = format!("--pgdata={}", data.display());
        let username = format!("--username={SUPERUSER}");
        let arguments = [
            &pgdata,
            &username,
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--no-instructions",
        ];
        run_as(
            self.account.as_ref(),
            folder,
            &programs.path("initdb"),
            arguments.map(OsStr::new).as_slice(),
        )?;
        let mut settings: Vec<String> = COMMON_SETTINGS
            .iter()
            .chain(Settings::DATA.0)
            .map(|setting| {
                let (name, value) = setting.split_once('=').expect("settings are name=value");
                format!("{name} = '{value}'\n")
            })
            .collect();
        settings.push(format!(
            "unix_socket_directories = {}\n",
            sql::quote_literal(&self.folder.to_string_lossy())
        ));
        if programs.has_library("pg_stat_statements") {
            settings.push("shared_preload_libraries = 'pg_stat_statements'\n".to_owned());
        }
        let mut file =
            fs::OpenOptions::new().append(true).open(data.join("postgresql.conf")).map_err(doing())?;
        file.write_all(settings.concat().as_bytes()).map_err(doing())
    }

    fn run(&self, programs: &Programs, program: &str, arguments: &[&OsStr]) -> Result<()> {
        let data = self.data();
        let arguments = [&[OsStr::new("-D"), data.as_os_str()], arguments].concat();
        run_as(self.account.as_ref(), &self.folder, &programs.path(program), &arguments)
    }
}

/// Removes what killed runs were making, once nobody can still be at it.
fn remove_abandoned(parent: &Path) {
    const OLD: Duration = Duration::from_mins(10);
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with("new-sandbox-");
        let age = entry.metadata().and_then(|found| found.modified()).ok().and_then(|at| at.elapsed().ok());
        if is_ours && age.is_some_and(|age| age > OLD) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Runs a server program to its end as the server's account.
fn run_as(account: Option<&Account>, folder: &Path, program: &Path, arguments: &[&OsStr]) -> Result<()> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs([("PATH", "/usr/bin:/bin"), ("LC_ALL", "C"), ("TZ", "UTC")])
        .current_dir(folder)
        .stdin(Stdio::null())
        // The server that pg_ctl leaves behind would keep a pipe open.
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    if let Some(account) = account {
        command.uid(account.uid).gid(account.gid);
    }
    let status = command.status().map_err(Error::file(format!("run {program:?}")))?;
    if status.success() {
        return Ok(());
    }
    let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
    let reason = log.lines().rev().find(|line| line.contains("FATAL:")).unwrap_or("its log has no reason");
    Err(Error::LocalServer {
        message: format!("{} failed ({status}): {reason}", program.display()),
        hint: format!(
            "Look into {:?}, or remove the sandbox with `perfkit sandbox destroy`.",
            folder.join("log")
        ),
    })
}
