-- one row: n checkpoints since the counters began
SELECT b.checkpoints_timed + b.checkpoints_req AS n
FROM pg_catalog.pg_stat_bgwriter AS b
