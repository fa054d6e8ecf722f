# The commands that people and CI type. `make help` lists them.

.DEFAULT_GOAL := help
.PHONY: help demo test test-newest corpus fuzz patterns plan-fixtures seed-traces lint matrix completions prove-apply prove-capture prove-counters prove-seed prove-seed-kill prove-shadow prove-compare prove-load-memory bench-startup bench-explain bench-seed bench-audit bench-advisor bench-counter bench-load

MAJORS := 14 15 16 17 18
CORPUS := ../shared/data/plans
TPCH := ../shared/data/tpch

help: ## List the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 16

demo: ## Show the whole loop on a throw-away server
	@scripts/ensure-postgres >/dev/null
	cargo run --release --quiet -- demo

test: ## Run all tests
	@scripts/ensure-postgres >/dev/null
	@scripts/ensure-hypopg >/dev/null
	@scripts/ensure-chromium >/dev/null
	cargo test --quiet

test-newest: ## Run the integration tests on the newest PostgreSQL
	bin=$$(scripts/ensure-postgres --major $(lastword $(MAJORS))) && PERFKIT_PG_BIN=$$bin cargo test --quiet --test it

corpus: ## Read and balance the real plans in CORPUS (default ../shared/data/plans)
	PERFKIT_CORPUS=$(abspath $(CORPUS)) cargo test --quiet --test it corpus -- --ignored

fuzz: ## Feed the readers of plans and logs and the proxy anything for ten minutes each (needs cargo-fuzz and a nightly toolchain)
	mkdir -p fuzz/corpus/read_plan fuzz/corpus/read_log fuzz/corpus/converse
	cargo +nightly fuzz run read_plan fuzz/corpus/read_plan fixtures/plans/text -- -max_total_time=600 -timeout=10
	cargo +nightly fuzz run read_log fuzz/corpus/read_log -- -max_total_time=600 -timeout=10
	cargo +nightly fuzz run converse fuzz/corpus/converse -- -max_total_time=600 -timeout=10

patterns: ## Run the programs of fixtures/patterns through the proxy, and write their traces anew (needs Python, Node.js and Java)
	@scripts/ensure-postgres >/dev/null
	cargo build --quiet --bin perfkit --example patterns
	scripts/make-patterns

plan-fixtures: ## Make the plans of the rules' tests anew on real servers
	scripts/make-plan-fixtures

seed-traces: ## Record real runs of seed, and see how early their ends are known
	@scripts/ensure-postgres >/dev/null
	cargo test --profile quick --quiet --lib pg::seed::traces -- --ignored
	cargo test --profile quick --quiet --lib seed::size::eta

lint: ## Check format and style
	cargo fmt --check
	cargo clippy --all-targets --quiet -- -D warnings

matrix: ## Run the integration tests on every supported PostgreSQL
	@set -e; for major in $(MAJORS); do \
		bin=$$(scripts/ensure-postgres --major $$major); \
		echo "PostgreSQL $$major"; \
		PERFKIT_PG_BIN=$$bin cargo test --quiet --test it; \
	done

prove-apply: ## Kill index apply fifty times while others write, and see that one more run puts all right
	@scripts/ensure-postgres >/dev/null
	cargo test --quiet --test it index_apply_faults::fifty_kills -- --ignored

prove-capture: ## Capture a row of 0.9 GB, 10,000 statements in a pipeline, and a log of SIZE GB (default 10)
	@scripts/ensure-postgres >/dev/null
	PERFKIT_LOG_GB=$(or $(SIZE),10) cargo test --profile quick --quiet --test it prove_capture -- --include-ignored --nocapture --test-threads 1

prove-counters: ## Kill counter add at random points in RUNS random runs (default 100) while others write, and see that no counter is wrong
	@scripts/ensure-postgres >/dev/null
	PERFKIT_RUNS=$(or $(RUNS),100) cargo test --quiet --test it counter_harness::many -- --ignored --nocapture

completions: ## Write the completion scripts anew
	cargo build --quiet
	@for shell in bash zsh fish; do target/debug/perfkit completions $$shell > completions/perfkit.$$shell; done

prove-seed: ## Fill the schemas of the .sql files in SCHEMAS, check every constraint, and clean
	@scripts/ensure-postgres >/dev/null
	PERFKIT_SCHEMAS=$(abspath $(SCHEMAS)) cargo test --quiet --test it prove_seed -- --ignored --nocapture

prove-seed-kill: ## Kill seed at KILLS random points (default 50), and see that one more run gives the same bytes
	@scripts/ensure-postgres >/dev/null
	PERFKIT_KILLS=$(or $(KILLS),50) cargo test --quiet --test it seed_kill::many -- --ignored --nocapture

prove-shadow: ## Copy the catalog of 500 tables and 1 TB in less than a minute and 200 MB
	@scripts/ensure-postgres >/dev/null
	cargo test --quiet --test it prove_shadow -- --ignored --nocapture

prove-compare: ## Compare A with itself RUNS times (default 200) and with what takes 10 % longer PLANTED times (half of RUNS): few alarms, few misses
	@scripts/ensure-postgres >/dev/null
	PERFKIT_RUNS=$(or $(RUNS),200) $(if $(PLANTED),PERFKIT_PLANTED=$(PLANTED)) $(if $(BLOCK),PERFKIT_BLOCK=$(BLOCK)) cargo test --quiet --test it prove_compare -- --ignored --nocapture

prove-load-memory: ## Hold 1,000 connections and 1,000 executions a second for MINUTES (default 5): less than 60 MB, and no growth
	@scripts/ensure-postgres >/dev/null
	PERFKIT_MINUTES=$(or $(MINUTES),5) cargo test --profile quick --quiet --test it bench_memory::a_thousand -- --ignored --nocapture

bench-startup: ## How long perfkit --version takes
	cargo bench --quiet --bench startup

bench-explain: ## Reading, judging and drawing large plans
	cargo bench --quiet --bench explain

bench-seed: ## Rows per second of seed against COPY FROM a ready file
	@scripts/ensure-postgres >/dev/null
	cargo bench --quiet --bench seed

bench-audit: ## How long index audit takes on 10,000 tables and 50,000 indexes (PERFKIT_AUDIT_TABLES makes fewer)
	@scripts/ensure-postgres >/dev/null
	cargo bench --quiet --bench audit

bench-advisor: ## How good and fast index suggest is, on bedtime and TPC-H (files in TPCH, default ../shared/data/tpch)
	@scripts/ensure-postgres >/dev/null
	if [ -d $(TPCH) ]; then export PERFKIT_TPCH=$(abspath $(TPCH)); fi; cargo bench --quiet --bench advisor

bench-counter: ## What counters cost: writers beside a count, its rate, verify, locks (PERFKIT_COUNTER_CHILDREN makes fewer rows)
	@scripts/ensure-postgres >/dev/null
	cargo bench --quiet --bench counter

bench-load: ## Rate and processor time of bench against pgbench, how punctual its schedule is, and what recording costs (ROUNDS, default 8)
	PERFKIT_PG_BIN=$$(scripts/ensure-postgres | tail -1) PERFKIT_LOAD_ROUNDS=$(or $(ROUNDS),8) cargo bench --quiet --bench load
