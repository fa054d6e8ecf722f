-- one row a user table: schema, name, live, dead and modified rows, seconds since the last ANALYZE and VACUUM
SELECT s.schemaname AS schema, s.relname AS name, s.n_live_tup AS n_live, s.n_dead_tup AS n_dead,
       s.n_mod_since_analyze AS n_modified,
       pg_catalog.date_part('epoch', pg_catalog.now() - GREATEST(s.last_analyze, s.last_autoanalyze)) AS analyzed_s_ago,
       pg_catalog.date_part('epoch', pg_catalog.now() - GREATEST(s.last_vacuum, s.last_autovacuum)) AS vacuumed_s_ago
FROM pg_catalog.pg_stat_user_tables AS s
ORDER BY s.schemaname, s.relname
