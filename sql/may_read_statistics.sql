-- one row: allowed, whether this role may read pg_statistic itself
SELECT pg_catalog.has_table_privilege('pg_catalog.pg_statistic', 'SELECT') AS allowed
