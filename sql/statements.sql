-- one row a statement of this database, the costliest first; run with the view's schema in the search path
SELECT s.query, s.calls, s.total_exec_time AS total_ms, s.mean_exec_time AS mean_ms
FROM pg_stat_statements AS s
WHERE s.dbid = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
  AND s.toplevel
  AND s.calls > 0
  AND s.query NOT LIKE '%pg_catalog.%'
ORDER BY s.total_exec_time DESC, s.queryid
LIMIT $1
