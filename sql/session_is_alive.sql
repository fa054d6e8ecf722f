-- one row: whether process $1, started at $2 microseconds since 1970, still serves a session
SELECT EXISTS (
    SELECT 1
    FROM pg_catalog.pg_stat_activity AS a
    WHERE a.pid = $1
      -- Other roles' start times may be hidden: then the pid decides.
      AND COALESCE((EXTRACT(epoch FROM a.backend_start) * 1000000)::pg_catalog.int8 = $2, true)
) AS is_alive
