//! Local servers: found programs, throw-away clusters that never outlive their owner, and the sandbox.

mod cluster;
mod programs;
mod sandbox;

use std::path::Path;

pub(crate) use cluster::{Cluster, Settings};
pub(crate) use programs::Programs;
pub(crate) use sandbox::{DATABASE as SANDBOX_DATABASE, Sandbox, State};

use super::Error;

/// The superuser of local servers.
pub(crate) const SUPERUSER: &str = "postgres";

/// Who the server runs as: PostgreSQL refuses to be root.
#[derive(Clone, Debug)]
struct Account {
    name: String,
    uid: u32,
    gid: u32,
}

/// Returns the account to switch to; `None` when this process is not root.
fn unprivileged_account() -> Result<Option<Account>, Error> {
    if !nix::unistd::Uid::effective().is_root() {
        return Ok(None);
    }
    ["postgres", "nobody"]
        .into_iter()
        .find_map(|name| nix::unistd::User::from_name(name).ok().flatten())
        .map(|user| Account { name: user.name, uid: user.uid.as_raw(), gid: user.gid.as_raw() })
        .map(Some)
        .ok_or_else(|| Error::LocalServer {
            message: "could not start a local server as root: there is no user \"postgres\" or \"nobody\""
                .to_owned(),
            hint: "Run perfkit as an ordinary user.".to_owned(),
        })
}

/// Gives a file or folder to the server's account.
fn hand_over(path: &Path, account: Option<&Account>) -> Result<(), Error> {
    let Some(account) = account else { return Ok(()) };
    std::os::unix::fs::chown(path, Some(account.uid), Some(account.gid))
        .map_err(Error::file(format!("give {path:?} to user \"{}\"", account.name)))
}
