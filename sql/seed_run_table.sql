-- no row: creates the manifest's table of runs of perfkit seed, whose `plan` is JSON and alone decides every byte of the run
CREATE TABLE IF NOT EXISTS perfkit.seed_run (
    run pg_catalog.text PRIMARY KEY,
    state pg_catalog.text NOT NULL,
    algorithm pg_catalog.int4 NOT NULL,
    perfkit_version pg_catalog.text NOT NULL,
    started_us pg_catalog.int8 NOT NULL,
    n_rows pg_catalog.int8 NOT NULL,
    plan pg_catalog.bytea NOT NULL,
    shape pg_catalog.text[] NOT NULL,
    sequences pg_catalog.bytea NOT NULL,
    index_run pg_catalog.text
)
