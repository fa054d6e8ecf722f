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

/// By their names, which `PERFKIT_ADVISOR_ONLY` takes, as it does `tpch`.
const MEASUREMENTS: [(&str, fn()); 4] = [
    ("bedtime", bedtime::measure),
    ("redesign", bedtime::redesign),
    ("shop", shop::measure),
    ("thousand", thousand::measure),
];

fn main() {
    let only = std::env::var("PERFKIT_ADVISOR_ONLY").ok();
    let is_wanted = |name: &str| only.as_ref().is_none_or(|only| only == name);
    for (name, measure) in MEASUREMENTS {
        if is_wanted(name) {
            measure();
        }
    }
    if is_wanted("tpch") {
        match std::env::var_os("PERFKIT_TPCH") {
            Some(folder) => tpch::measure(folder.as_ref()),
            None => println!("TPC-H: left out, PERFKIT_TPCH names no folder"),
        }
    }
}
