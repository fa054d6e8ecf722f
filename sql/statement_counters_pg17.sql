-- the same with the time when the counters of the entry began
SELECT
    s.userid::pg_catalog.int8 AS user_id,
    s.dbid::pg_catalog.int8 AS database_id,
    s.queryid AS query_id,
    s.toplevel AS is_top_level,
    s.calls,
    s.total_exec_time AS total_ms,
    s.total_plan_time AS planning_ms,
    s.rows,
    s.shared_blks_hit AS shared_hit,
    s.shared_blks_read AS shared_read,
    s.shared_blks_dirtied AS shared_dirtied,
    s.shared_blks_written AS shared_written,
    s.temp_blks_read AS temp_read,
    s.temp_blks_written AS temp_written,
    extract(epoch FROM s.stats_since)::pg_catalog.float8 AS since
FROM pg_stat_statements(false) AS s
WHERE s.dbid = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
ORDER BY s.userid, s.queryid, s.toplevel
