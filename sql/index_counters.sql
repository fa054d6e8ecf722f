-- one row if there is an index named $2 in schema $1: how often it was used, and last_scan_us where the server knows
SELECT s.idx_scan AS n_scans,
       s.idx_tup_read AS n_tuples_read,
       s.idx_tup_fetch AS n_tuples_fetched,
       -- A column since PostgreSQL 16.
       (EXTRACT(epoch FROM (pg_catalog.to_jsonb(s) ->> 'last_idx_scan')::pg_catalog.timestamptz) * 1000000
       )::pg_catalog.int8 AS last_scan_us
FROM pg_catalog.pg_stat_all_indexes AS s
WHERE s.schemaname = $1 AND s.indexrelname = $2
