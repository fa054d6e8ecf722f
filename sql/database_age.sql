-- one row: created_s_ago, how old this database's folder is; it needs a right that few roles but superusers have
SELECT pg_catalog.date_part('epoch', pg_catalog.now() - f.modification) AS created_s_ago
FROM pg_catalog.pg_database AS d
CROSS JOIN LATERAL pg_catalog.pg_stat_file('base/' || d.oid || '/PG_VERSION', true) AS f
WHERE d.datname = pg_catalog.current_database()
