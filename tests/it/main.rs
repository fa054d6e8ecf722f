//! The integration tests: one program, one server for all of them, one database for each test.
//!
//! `PERFKIT_PG_BIN` chooses the server programs; `make matrix` runs the tests on every supported version.

#![expect(clippy::cast_precision_loss, reason = "shares of small counts")]

mod support;

mod architecture;
mod bench;
mod bench_bad_input;
mod bench_baseline;
mod bench_compare;
mod bench_engine;
mod bench_find_max;
mod bench_memory;
mod bench_merge;
mod bench_replay;
mod bench_reports;
mod bench_script;
mod bench_server;
mod bench_values;
mod budget;
mod capture_log;
mod capture_proxy;
mod capture_statements;
mod connection;
mod corpus;
mod counter_add;
mod counter_backfill;
mod counter_faults;
mod counter_gone;
mod counter_harness;
mod counter_leads;
mod counter_migrations;
mod counter_statements;
mod counter_suggest;
mod counter_verify;
mod demo;
mod explain;
mod explain_formats;
mod explain_html;
mod index_apply;
mod index_apply_changes;
mod index_apply_faults;
mod index_audit;
mod index_audit_sources;
mod index_files;
mod index_hypopg;
mod index_kinds;
mod index_prove;
mod index_shadow;
mod index_suggest;
mod index_undo;
mod index_verify;
mod init;
mod prove_compare;
mod prove_seed;
mod sandbox;
mod scenario_notes;
mod seed;
mod seed_clean;
mod seed_faults;
mod seed_kill;
mod seed_load;
mod seed_partitions;
mod seed_patterns;
mod seed_references;
mod seed_rehearse;
mod seed_size;
mod seed_stats;
mod seed_values;
mod statements;
mod value_sets;
mod workload_n_plus_one;
mod workload_pagination;
mod workload_patterns;
mod workload_top;
