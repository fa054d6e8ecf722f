-- one row: whether this database has perfkit's journal, whether it has its schema
SELECT pg_catalog.to_regclass('perfkit.index_journal') IS NOT NULL AS has_table,
       pg_catalog.to_regnamespace('perfkit') IS NOT NULL AS has_schema
