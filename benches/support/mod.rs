//! A sandbox of its own for each benchmark, and the middle of several measurements.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tokio_postgres::{Client, NoTls};

/// A sandbox that is destroyed at the end.
pub(crate) struct Sandbox {
    /// The server's log is `log` in it.
    pub(crate) folder: PathBuf,
    pub(crate) url: String,
}

impl Sandbox {
    pub(crate) fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("perfkit-bench-{}", std::process::id()));
        let mut sandbox = Self { folder, url: String::new() };
        sandbox.perfkit(&["sandbox", "start", "--quiet"]).trim().clone_into(&mut sandbox.url);
        sandbox
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_perfkit"));
        command
            .args(args)
            .env("PERFKIT_SANDBOX_DIR", &self.folder)
            .env_remove("DATABASE_URL")
            .current_dir(std::env::temp_dir());
        command
    }

    /// Runs perfkit and returns its standard output.
    pub(crate) fn perfkit(&self, args: &[&str]) -> String {
        let output = self.command(args).output().expect("perfkit starts");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("perfkit prints text")
    }

    /// Runs `body` with a session in the sandbox's database.
    pub(crate) fn session<T, F: Future<Output = T>>(&self, body: impl FnOnce(Client) -> F) -> T {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
        runtime.block_on(async {
            let config: tokio_postgres::Config = self.url.parse().expect("the sandbox's URL");
            let (client, connection) = config.connect(NoTls).await.expect("the sandbox answers");
            tokio::spawn(async move { drop(connection.await) });
            body(client).await
        })
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.perfkit(&["sandbox", "destroy", "--yes", "--quiet"]);
    }
}

/// Returns the median in milliseconds.
pub(crate) fn median_ms(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}
