-- one row for each session that backend $1 waits for, the one with the oldest transaction first
SELECT a.pid,
       coalesce(a.application_name, '') AS application,
       coalesce(a.state, '') AS state,
       coalesce(a.query, '') AS query,
       coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start), 0)::pg_catalog.float8 AS age_s
FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids($1)) AS blocking (pid)
JOIN pg_catalog.pg_stat_activity AS a ON a.pid = blocking.pid
ORDER BY a.xact_start, a.pid
