# The commands that people and CI type. `make help` lists them.

.DEFAULT_GOAL := help
.PHONY: help demo test test-newest lint matrix completions bench-startup bench-seed bench-advisor

MAJORS := 14 15 16 17 18

help: ## List the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 16

demo: ## Show the whole loop on a throw-away server
	@scripts/ensure-postgres >/dev/null
	cargo run --release --quiet -- demo

test: ## Run all tests
	@scripts/ensure-postgres >/dev/null
	cargo test --quiet

test-newest: ## Run the integration tests on the newest PostgreSQL
	bin=$$(scripts/ensure-postgres --major $(lastword $(MAJORS))) && PERFKIT_PG_BIN=$$bin cargo test --quiet --test it

lint: ## Check format and style
	cargo fmt --check
	cargo clippy --all-targets --quiet -- -D warnings

matrix: ## Run the integration tests on every supported PostgreSQL
	@set -e; for major in $(MAJORS); do \
		bin=$$(scripts/ensure-postgres --major $$major); \
		echo "PostgreSQL $$major"; \
		PERFKIT_PG_BIN=$$bin cargo test --quiet --test it; \
	done

completions: ## Write the completion scripts anew
	cargo build --quiet
	@for shell in bash zsh fish; do target/debug/perfkit completions $$shell > completions/perfkit.$$shell; done

bench-startup: ## How long perfkit --version takes
	cargo bench --quiet --bench startup

bench-seed: ## Rows per second of seed against COPY FROM a ready file
	@scripts/ensure-postgres >/dev/null
	cargo bench --quiet --bench seed

bench-advisor: ## Time and planner calls of index suggest
	@scripts/ensure-postgres >/dev/null
	cargo bench --quiet --bench advisor
