-- no row: creates the journal of counters, one JSON object an entry
CREATE TABLE IF NOT EXISTS perfkit.counter_journal (
    id pg_catalog.int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    written_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    entry pg_catalog.jsonb NOT NULL
)
