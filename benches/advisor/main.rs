//! How good and fast `perfkit index suggest` is: the bedtime workload, fifteen statements beside a set made by hand, a
//! thousand statements, and TPC-H beside the sets of published advisors where `PERFKIT_TPCH` names the folder that holds
//! its schema, queries and those sets.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::disallowed_methods, reason = "cargo bench takes no arguments of ours")]

mod bedtime;
#[path = "../support/memory.rs"]
mod memory;
mod shop;
#[path = "../support/mod.rs"]
mod support;
mod thousand;
mod tpch;

fn main() {
    bedtime::measure();
    bedtime::redesign();
    shop::measure();
    thousand::measure();
    match std::env::var_os("PERFKIT_TPCH") {
        Some(folder) => tpch::measure(folder.as_ref()),
        None => println!("TPC-H: left out, PERFKIT_TPCH names no folder"),
    }
}
