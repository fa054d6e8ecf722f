//! `perfkit capture`: what applications really send, as a trace.

pub(crate) mod files;
mod log;
pub(super) mod proxy;
mod show;
mod statements;

use std::fs::File;
use std::io::{self, Read as _};

use clap::Subcommand;

use crate::context::Context;
use crate::error::{ExitStatus, Result};
use crate::query;
use crate::trace::{Fingerprint, Header, Redaction, Source, Time};

/// Record what applications really send, as a trace
#[derive(Subcommand, Debug)]
pub(crate) enum CaptureCommand {
    Proxy(proxy::ProxyArgs),
    Log(log::LogArgs),
    Statements(statements::StatementsArgs),
    Show(show::ShowArgs),
}

pub(super) async fn run(context: &Context, command: &CaptureCommand) -> Result<ExitStatus> {
    match command {
        CaptureCommand::Proxy(args) => proxy::run(context, args).await,
        CaptureCommand::Log(args) => log::run(context, args).await,
        CaptureCommand::Statements(args) => statements::run(context, args).await,
        CaptureCommand::Show(args) => show::run(context, args).await,
    }
}

/// Returns the fingerprint that all of perfkit knows a statement by.
pub(super) fn fingerprint(text: &str) -> Fingerprint {
    Fingerprint(query::fingerprint(text))
}

/// Returns the head of a trace that this program writes.
fn header(source: Source, started_at: Time, is_redacted: bool) -> Header {
    Header { source, writer: format!("perfkit {}", env!("CARGO_PKG_VERSION")), started_at, is_redacted }
}

/// Draws a key to leave values out with, which nobody keeps.
fn redaction() -> io::Result<Redaction> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let (a, b) = bytes.split_at(8);
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    Ok(Redaction { key: [number(a), number(b)] })
}
