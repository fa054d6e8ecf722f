-- at most one row: for how many seconds the server has certainly counted this database's activity, if the database is as old,
-- and whether a clock of the database itself says so
SELECT pg_catalog.date_part('epoch', pg_catalog.now() - GREATEST(
           d.stats_reset,
           -- A crash zeroes all counters and tells nobody (up to 14 this database's own clock starts with its next session,
           -- from 15 on it is null); the clocks of the whole server start then, so it was not after the earliest of them.
           LEAST(b.stats_reset, a.stats_reset, w.stats_reset)
       )) AS counted_s,
       d.stats_reset IS NOT NULL AS has_own_clock
FROM pg_catalog.pg_stat_database AS d
CROSS JOIN pg_catalog.pg_stat_bgwriter AS b
CROSS JOIN pg_catalog.pg_stat_archiver AS a
CROSS JOIN pg_catalog.pg_stat_wal AS w
WHERE d.datname = pg_catalog.current_database()
