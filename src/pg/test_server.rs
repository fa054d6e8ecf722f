//! A local server for unit tests of what only other code of perfkit calls.

use super::connect::{Access, Connection};
use super::interrupt::Interrupt;
use super::server::{Cluster, Programs, Settings};
use crate::cli::ConnectArgs;
use crate::config::{Environment, Timeouts};

/// Starts an empty server of the version that the tests are run for.
pub(super) async fn start() -> Cluster {
    let environment = Environment::of_process();
    let programs = Programs::find(None, &environment, None).expect("there are server programs");
    Cluster::start(&programs, Settings::PLANNING, &environment).await.expect("the server starts")
}

pub(super) async fn connect(cluster: &Cluster, database: &str) -> Connection {
    let timeouts = Timeouts::new(&ConnectArgs::default(), None);
    let target = cluster.target(database, timeouts).expect("the address is right");
    target.connect(Access::ReadWrite, &Interrupt::new()).await.expect("the server answers")
}
