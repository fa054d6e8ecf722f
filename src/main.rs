//! The `perfkit` program.

use std::process::ExitCode;

/// Large plans are many small values, which the system's allocator hands out at half the speed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Deep SQL makes deep trees; only what is touched of this takes memory.
const STACK_BYTES: usize = 512 << 20;

fn main() -> ExitCode {
    let run = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(perfkit::run);
    match run.map(std::thread::JoinHandle::join) {
        Ok(Ok(status)) => status.into(),
        // A panic has printed its message already.
        Ok(Err(_)) | Err(_) => ExitCode::from(101),
    }
}
