-- one row a statement that this role has run in this database, with its counters; run with the view's schema in the search path
SELECT s.queryid, s.query, s.calls, s.rows, s.total_exec_time AS exec_ms, s.shared_blks_hit, s.shared_blks_read,
       s.shared_blks_dirtied, s.temp_blks_read + s.temp_blks_written AS temp_blks, s.wal_records,
       s.wal_bytes::pg_catalog.int8 AS wal_bytes
FROM pg_stat_statements AS s
WHERE s.dbid = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
  AND s.userid = (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user)
  AND s.toplevel
  AND s.queryid IS NOT NULL
ORDER BY s.queryid
