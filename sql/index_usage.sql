-- one row an index of the tables $1, with how it was used since the counters were reset; of a partitioned one, with the
-- sums over its partitions: oid, n_scans, n_entries_read, n_rows_fetched, scanned_s_ago (never known before PostgreSQL 16)
WITH RECURSIVE tree (oid, part) AS (
    SELECT i.indexrelid, i.indexrelid
    FROM pg_catalog.pg_index AS i
    WHERE i.indrelid = ANY ($1)
    UNION ALL
    SELECT t.oid, h.inhrelid FROM tree AS t JOIN pg_catalog.pg_inherits AS h ON h.inhparent = t.part
)
SELECT t.oid,
       pg_catalog.sum(pg_catalog.pg_stat_get_numscans(t.part))::pg_catalog.int8 AS n_scans,
       pg_catalog.sum(pg_catalog.pg_stat_get_tuples_returned(t.part))::pg_catalog.int8 AS n_entries_read,
       pg_catalog.sum(pg_catalog.pg_stat_get_tuples_fetched(t.part))::pg_catalog.int8 AS n_rows_fetched,
       NULL::pg_catalog.float8 AS scanned_s_ago
FROM tree AS t
GROUP BY t.oid
ORDER BY t.oid
