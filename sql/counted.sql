-- at most one row: for how many seconds the server has counted this database's activity
SELECT pg_catalog.date_part('epoch', pg_catalog.now() - s.stats_reset) AS counted_s
FROM pg_catalog.pg_stat_database AS s
WHERE s.datname = pg_catalog.current_database()
