-- no row: in this transaction of run $1 triggers have put $3 rows into tables $2 and changed $4 rows of them (in parallel)
INSERT INTO perfkit.seed_effect (run, xid, table_oid, n_inserted, n_updated)
SELECT $1, pg_catalog.pg_current_xact_id(), t.oid, t.n_inserted, t.n_updated
FROM ROWS FROM (
    pg_catalog.unnest($2::pg_catalog.oid[]), pg_catalog.unnest($3::pg_catalog.int8[]), pg_catalog.unnest($4::pg_catalog.int8[])
) AS t (oid, n_inserted, n_updated)
