-- one row: deallocations, and when all counters began, in seconds; run with the view qualified
SELECT i.dealloc AS deallocations,
       extract(epoch FROM i.stats_reset)::pg_catalog.float8 AS reset_at
FROM pg_stat_statements_info AS i
