-- one row: blks_hit and blks_read of this database
SELECT d.blks_hit, d.blks_read
FROM pg_catalog.pg_stat_database AS d
WHERE d.datname = pg_catalog.current_database()
