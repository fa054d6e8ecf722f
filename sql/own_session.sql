-- one row: pid and backend_start_us of this session
SELECT a.pid,
       (EXTRACT(epoch FROM a.backend_start) * 1000000)::pg_catalog.int8 AS backend_start_us
FROM pg_catalog.pg_stat_activity AS a
WHERE a.pid = pg_catalog.pg_backend_pid()
