//! One throw-away server for the test process, one database for each test.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio_postgres::{Client, NoTls};

/// The password of the role `secretive`, which is asked for one.
pub(crate) const PASSWORD: &str = "hush-hush";

/// A running server that ends with this process.
pub(crate) struct Server {
    pub(crate) folder: PathBuf,
    pub(crate) port: u16,
    guard: Child,
}

/// The server that most tests share. A static is never dropped; its guard sees the end of the process.
pub(crate) static SHARED: LazyLock<Server> = LazyLock::new(|| {
    let server = Server::start(
        "printf 'local all secretive scram-sha-256\\nlocal all all trust\\n' >pg_hba.conf",
        &["listen_addresses="],
        5432,
    );
    let admin = Database { url: server.url("postgres", "postgres") };
    admin.execute(&format!("CREATE ROLE secretive LOGIN PASSWORD '{PASSWORD}'"));
    admin.execute("CREATE ROLE nobody_special LOGIN");
    server
});

impl Server {
    /// Starts a server and waits until it answers. `prepare` runs in its data folder before.
    pub(crate) fn start(prepare: &str, settings: &[&str], port: u16) -> Self {
        let folder =
            tempfile::Builder::new().prefix("pkit-").tempdir_in("/tmp").expect("a folder in /tmp").keep();
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", include_str!("guard.sh"), "guard"])
            .arg(&folder)
            .arg(bin())
            .arg(prepare)
            .args(["-c", &format!("port={port}")])
            .args(["-c", "fsync=off", "-c", "max_connections=100", "-c", "shared_buffers=64MB"])
            .args(settings.iter().flat_map(|setting| ["-c", setting]))
            .env_clear()
            .envs([("PATH", "/usr/bin:/bin"), ("LC_ALL", "C"), ("TZ", "UTC")])
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        if let Some((uid, gid)) = unprivileged() {
            chown(&folder, Some(uid), Some(gid)).expect("root can give folders away");
            command.uid(uid).gid(gid);
        }
        let guard = command.spawn().expect("there is a shell");
        let server = Self { folder, port, guard };
        let database = Database { url: server.url("postgres", "postgres") };
        let deadline = Instant::now() + Duration::from_mins(1);
        while let Err(error) = database.try_query("SELECT 1") {
            let log = std::fs::read_to_string(server.folder.join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "the test server did not start: {error}\n{log}");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// Has `pg_ctl` do something to the server, and waits until that is done.
    pub(crate) fn control(&self, args: &[&str]) {
        let mut command = Command::new(bin().join("pg_ctl"));
        command
            .args(args)
            .args(["-w", "-s", "-D"])
            .arg(self.folder.join("data"))
            .env_clear()
            .envs([("PATH", "/usr/bin:/bin"), ("LC_ALL", "C"), ("TZ", "UTC")])
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        if let Some((uid, gid)) = unprivileged() {
            command.uid(uid).gid(gid);
        }
        assert!(command.status().expect("pg_ctl starts").success(), "pg_ctl {args:?}");
    }

    /// Creates an empty database.
    pub(crate) fn database(&self, name: &str) -> Database {
        Database { url: self.url("postgres", "postgres") }.execute(&format!("CREATE DATABASE {name}"));
        Database { url: self.url(name, "postgres") }
    }

    pub(crate) fn url(&self, database: &str, user: &str) -> String {
        format!("postgresql:///{database}?host={}&port={}&user={user}", self.folder.display(), self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// Writes a file that servers may read and no other user, into a folder that they may enter; returns its path.
pub(crate) fn server_file(folder: &Path, name: &str, text: &str) -> String {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt as _;

    let path = folder.join(name);
    std::fs::write(&path, text).expect("the folder can be written");
    set_permissions(&path, Permissions::from_mode(0o600)).expect("the file is ours");
    set_permissions(folder, Permissions::from_mode(0o755)).expect("the folder is ours");
    if let Some((uid, gid)) = unprivileged() {
        chown(&path, Some(uid), Some(gid)).expect("root can give files away");
    }
    path.display().to_string()
}

/// A database of the shared server.
pub(crate) struct Database {
    pub(crate) url: String,
}

impl Database {
    /// Creates an empty database for one test.
    pub(crate) fn create() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        Self { url: SHARED.url("postgres", "postgres") }.execute(&format!("CREATE DATABASE {name}"));
        Self { url: SHARED.url(&name, "postgres") }
    }

    /// Creates a database with the tables of the bedtime scenario, 100 users, and no secondary index.
    pub(crate) fn with_bedtime() -> Self {
        let database = Self::create();
        super::cli::perfkit(&["seed", "--users", "100", "--as-of", "2026-01-31"]).on(&database).succeeds();
        let drops = database.query(
            "SELECT 'DROP INDEX ' || indexrelid::regclass FROM pg_index
             JOIN pg_class ON pg_class.oid = indrelid WHERE relnamespace = 'public'::regnamespace AND NOT indisprimary",
        );
        for drop in drops {
            database.execute(&drop);
        }
        database
    }

    /// Ends what still uses the database, and drops it.
    pub(crate) fn remove(self) {
        let name = self.value("SELECT current_database()");
        Self { url: SHARED.url("postgres", "postgres") }
            .execute(&format!("DROP DATABASE {name} WITH (FORCE)"));
    }

    /// The same database for another role.
    pub(crate) fn url_for(&self, user: &str) -> String {
        self.url.replace("user=postgres", &format!("user={user}"))
    }

    /// Runs statements one by one; none of them holds a semicolon.
    pub(crate) fn execute(&self, script: &str) {
        for sql in script.split(';').filter(|sql| !sql.trim().is_empty()) {
            self.with_client(|client| async move { client.batch_execute(sql).await })
                .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        }
    }

    /// Runs a script as one, with functions that hold semicolons.
    pub(crate) fn load(&self, script: &str) {
        self.with_client(|client| async move { client.batch_execute(script).await })
            .unwrap_or_else(|error| panic!("{error:?}"));
    }

    /// Returns the first column as text.
    pub(crate) fn query(&self, sql: &str) -> Vec<String> {
        self.try_query(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    pub(crate) fn value(&self, sql: &str) -> String {
        self.query(sql).pop().unwrap_or_else(|| panic!("{sql}: no row"))
    }

    /// Waits until a query says `t`.
    pub(crate) fn await_true(&self, sql: &str) {
        let deadline = Instant::now() + Duration::from_mins(3);
        while self.try_query(sql).ok().and_then(|mut rows| rows.pop()).as_deref() != Some("t") {
            assert!(Instant::now() < deadline, "{sql}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn try_query(&self, sql: &str) -> Result<Vec<String>, tokio_postgres::Error> {
        self.with_client(|client| async move {
            let messages = client.simple_query(sql).await?;
            Ok(messages
                .into_iter()
                .filter_map(|message| match message {
                    tokio_postgres::SimpleQueryMessage::Row(row) => {
                        Some(row.get(0).unwrap_or("NULL").to_owned())
                    }
                    _ => None,
                })
                .collect())
        })
    }

    /// Holds a session while `body` runs, after it has executed `sql`.
    pub(crate) fn while_session<T>(&self, sql: &str, body: impl FnOnce() -> T) -> T {
        self.with_client(|client| async move {
            client.batch_execute(sql).await.expect("the session's statement runs");
            let result = tokio::task::block_in_place(body);
            drop(client);
            Ok::<_, tokio_postgres::Error>(result)
        })
        .expect("the session lasts")
    }

    pub(crate) fn with_client<T, F: Future<Output = Result<T, tokio_postgres::Error>>>(
        &self,
        body: impl FnOnce(Client) -> F,
    ) -> Result<T, tokio_postgres::Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime starts");
        runtime.block_on(async {
            let (client, connection) = connect(&self.url).await?;
            tokio::spawn(async move { drop(connection.await) });
            body(client).await
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "tests look at servers without perfkit between")]
async fn connect(
    url: &str,
) -> Result<
    (Client, tokio_postgres::Connection<tokio_postgres::Socket, tokio_postgres::tls::NoTlsStream>),
    tokio_postgres::Error,
> {
    tokio_postgres::connect(url, NoTls).await
}

/// The folder of the server programs, from the one place that knows how to find them.
pub(crate) fn bin() -> &'static Path {
    static BIN: LazyLock<PathBuf> = LazyLock::new(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/ensure-postgres");
        let output = Command::new(&script).output().expect("the script runs");
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let stderr = String::from_utf8_lossy(&output.stderr);
        let bin = stdout.lines().last().unwrap_or_else(|| panic!("{} failed:\n{stderr}", script.display()));
        PathBuf::from(bin)
    });
    &BIN
}

/// The major version of the server programs.
pub(crate) fn major() -> u32 {
    let output = Command::new(bin().join("postgres")).arg("--version").output().expect("postgres runs");
    let version = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = version.rsplit("(PostgreSQL) ").next().expect("a version");
    number.chars().take_while(char::is_ascii_digit).collect::<String>().parse().expect("a major version")
}

/// Whom servers run as when the tests run as root, which PostgreSQL refuses to be.
pub(crate) fn unprivileged() -> Option<(u32, u32)> {
    if !nix::unistd::Uid::effective().is_root() {
        return None;
    }
    ["postgres", "nobody"]
        .into_iter()
        .find_map(|name| nix::unistd::User::from_name(name).ok().flatten())
        .map(|user| (user.uid.as_raw(), user.gid.as_raw()))
}
