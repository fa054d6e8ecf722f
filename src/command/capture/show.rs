//! `perfkit capture show`: prints what a trace holds.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::PathBuf;

use clap::Args;

use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::report::capture::Listing;
use crate::trace::{Event, ReadError, Reader};

/// Lines are printed in pieces of about this size.
const PIECE_BYTES: usize = 64 * 1024;

/// Print the events of a trace, one in a line
///
/// With `--json` each line is an object with all that is known.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The trace; `-` is standard input
    #[arg(value_name = "TRACE")]
    trace: PathBuf,
}

pub(super) fn run(context: &Context, args: &ShowArgs) -> Result<ExitStatus> {
    let name = args.trace.display().to_string();
    let input: Box<dyn Read> = if name == "-" {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(&args.trace).map_err(|error| {
            Error::usage(format!("could not open trace {name:?}"))
                .cause(error)
                .hint("Check the path, or make a trace with `perfkit capture proxy` or `capture log`.")
        })?;
        Box::new(BufReader::new(file))
    };
    let failed = |error: ReadError| {
        let hint = match error {
            ReadError::Newer(_) => "Read it with the perfkit that wrote it, or a newer one.",
            ReadError::NotATrace => "Make a trace with `perfkit capture proxy` or `capture log`.",
            _ => "What comes before that place can be read.",
        };
        Error::usage(format!("could not read trace {name:?}")).cause(&error).causes_of(&error).hint(hint)
    };
    let mut reader = Reader::new(input).map_err(failed)?;
    let mut listing = Listing::new(context.ui.is_json());
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
                context.ui.print(&piece)?;
                return Err(failed(error));
            }
        }
        if piece.len() >= PIECE_BYTES {
            context.ui.print(&piece)?;
            piece.clear();
        }
    }
    context.ui.print(&piece)?;
    if reader.is_cut_off() || !has_ended {
        context.ui.warn("the trace was cut off: it holds what was written until then");
    }
    Ok(ExitStatus::Success)
}
