-- one row while backend $1 builds an index: phase, blocks done and in all, and whom it waits for
SELECT p.phase,
       p.blocks_done,
       p.blocks_total,
       p.current_locker_pid,
       a.application_name AS locker_application,
       extract(epoch FROM pg_catalog.now() - a.xact_start)::pg_catalog.float8 AS locker_age_s
FROM pg_catalog.pg_stat_progress_create_index AS p
LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = p.current_locker_pid
WHERE p.pid = $1
