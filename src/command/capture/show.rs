//! `perfkit capture show`: prints what a trace holds.

use std::path::{Path, PathBuf};

use clap::Args;

use super::files;
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::pg::Interrupt;
use crate::report::capture::Listing;
use crate::trace::{Event, ReadError, Reader};
use crate::ui::Ui;

/// Lines are printed in pieces of about this size.
const PIECE_BYTES: usize = 64 * 1024;

/// Print the events of a trace, one in a line
///
/// With `--json` each line is an object with all that is known.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The trace; .gz and .zst as well, `-` is standard input
    #[arg(value_name = "TRACE")]
    trace: PathBuf,
}

pub(super) async fn run(context: &Context, args: &ShowArgs) -> Result<ExitStatus> {
    let (ui, path, interrupt) = (context.ui.clone(), args.trace.clone(), context.interrupt.clone());
    let showing = tokio::task::spawn_blocking(move || show(&ui, &path, &interrupt)).await;
    showing.map_err(|error| Error::usage("could not show the trace").cause(error))?
}

fn show(ui: &Ui, path: &Path, interrupt: &Interrupt) -> Result<ExitStatus> {
    let name = path.display().to_string();
    let input = files::open(path, interrupt).map_err(|error| {
        Error::usage(format!("could not open trace {name:?}"))
            .cause(error)
            .hint("Check the path, or make a trace with `perfkit capture proxy` or `capture log`.")
    })?;
    let failed = |error: ReadError| {
        let hint = match error {
            ReadError::Newer(_) => "Read it with the perfkit that wrote it, or a newer one.",
            ReadError::NotATrace => "Make a trace with `perfkit capture proxy` or `capture log`.",
            _ => "What comes before that place can be read.",
        };
        Error::usage(format!("could not read trace {name:?}")).cause(&error).causes_of(&error).hint(hint)
    };
    let mut reader = Reader::new(input).map_err(failed)?;
    let mut listing = Listing::new(ui.is_json());
    let mut piece = listing.header(reader.header());
    let mut has_ended = false;
    loop {
        match reader.next_event() {
            Ok(Some(event)) => {
                has_ended |= matches!(event, Event::End { .. });
                listing.event(&event, &mut piece);
            }
            Ok(None) => break,
            Err(error) => {
                ui.print(&piece)?;
                return Err(failed(error));
            }
        }
        if piece.len() >= PIECE_BYTES {
            ui.print(&piece)?;
            piece.clear();
        }
    }
    ui.print(&piece)?;
    if reader.is_cut_off() || !has_ended {
        ui.warn("the trace was cut off: it holds what was written until then");
    }
    Ok(ExitStatus::Success)
}
