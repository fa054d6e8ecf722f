-- no row: creates the manifest's table of rows that the server has refused, with the attempt that takes their place
CREATE TABLE IF NOT EXISTS perfkit.seed_patch (
    run pg_catalog.text NOT NULL,
    table_number pg_catalog.int4 NOT NULL,
    row_number pg_catalog.int8 NOT NULL,
    attempt pg_catalog.int4 NOT NULL,
    reason pg_catalog.text NOT NULL,
    PRIMARY KEY (run, table_number, row_number)
)
