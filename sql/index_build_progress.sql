-- one row while backend $1 builds an index: phase, and blocks and tuples done and in all
SELECT p.phase, p.blocks_done, p.blocks_total, p.tuples_done, p.tuples_total
FROM pg_catalog.pg_stat_progress_create_index AS p
WHERE p.pid = $1
