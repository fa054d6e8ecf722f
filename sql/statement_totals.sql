-- one row an entry of pg_stat_statements for this database, the costliest first; run with the view qualified
SELECT
    s.query,
    s.userid::pg_catalog.int8 AS user_id,
    s.dbid::pg_catalog.int8 AS database_id,
    coalesce(s.queryid, 0) AS query_id,
    s.calls,
    s.total_exec_time AS total_ms,
    s.rows,
    s.shared_blks_hit AS shared_hit,
    s.shared_blks_read AS shared_read,
    s.shared_blks_dirtied AS shared_dirtied,
    s.shared_blks_written AS shared_written,
    s.temp_blks_read AS temp_read,
    s.temp_blks_written AS temp_written
FROM pg_stat_statements AS s
WHERE s.dbid = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
  AND s.toplevel
  AND s.calls > 0
  AND s.query IS NOT NULL
ORDER BY s.total_exec_time DESC, s.queryid
LIMIT $1
