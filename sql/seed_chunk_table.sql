-- no row: creates the manifest's table of chunks, each of which has been committed together with its rows
CREATE TABLE IF NOT EXISTS perfkit.seed_chunk (
    run pg_catalog.text NOT NULL,
    step pg_catalog.int4 NOT NULL,
    chunk pg_catalog.int4 NOT NULL,
    n_rows pg_catalog.int8 NOT NULL,
    committed_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    PRIMARY KEY (run, step, chunk)
)
