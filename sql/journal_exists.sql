-- one row: whether this database has the journal $1 of perfkit and its schema, and the journal's owner where that is nobody to be trusted
SELECT pg_catalog.to_regclass($1) IS NOT NULL AS has_table,
       pg_catalog.to_regnamespace('perfkit') IS NOT NULL AS has_schema,
       (
           SELECT r.rolname
           FROM pg_catalog.pg_class AS c
           JOIN pg_catalog.pg_roles AS r ON r.oid = c.relowner
           WHERE c.oid = pg_catalog.to_regclass($1)
             AND NOT r.rolsuper
             AND r.rolname <> current_user
             AND r.oid <> (SELECT d.datdba FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
       ) AS strange_owner
