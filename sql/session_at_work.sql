-- one row while there is session $1: what it runs, and for how long
SELECT a.pid,
       coalesce(a.application_name, '') AS application,
       coalesce(a.state, '') AS state,
       coalesce(a.query, '') AS query,
       coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start), 0)::pg_catalog.float8 AS age_s
FROM pg_catalog.pg_stat_activity AS a
WHERE a.pid = $1
