//! The `perfkit` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    perfkit::run().into()
}
