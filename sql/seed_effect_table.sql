-- no row: creates the manifest's table of what triggers have done beside, by transaction of a run
CREATE TABLE IF NOT EXISTS perfkit.seed_effect (
    run pg_catalog.text NOT NULL,
    xid pg_catalog.xid8 NOT NULL,
    table_oid pg_catalog.oid NOT NULL,
    n_inserted pg_catalog.int8 NOT NULL,
    n_updated pg_catalog.int8 NOT NULL,
    nested pg_catalog.xid[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (run, xid, table_oid)
)
