-- one row: n checkpoints since the counters began
SELECT c.num_timed + c.num_requested AS n
FROM pg_catalog.pg_stat_checkpointer AS c
