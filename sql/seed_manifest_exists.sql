-- one row: whether this database has perfkit's schema, the manifest's tables, its table of effects as it is now, which came later, and the owner of one where that is nobody to be trusted
SELECT pg_catalog.to_regnamespace('perfkit') IS NOT NULL AS has_schema,
       pg_catalog.to_regclass('perfkit.seed_run') IS NOT NULL
       AND pg_catalog.to_regclass('perfkit.seed_chunk') IS NOT NULL
       AND pg_catalog.to_regclass('perfkit.seed_patch') IS NOT NULL AS has_tables,
       EXISTS (
           SELECT 1
           FROM pg_catalog.pg_attribute AS a
           WHERE a.attrelid = pg_catalog.to_regclass('perfkit.seed_effect') AND a.attname = 'nested'
       ) AS has_effects,
       (
           SELECT r.rolname
           FROM pg_catalog.pg_class AS c
           JOIN pg_catalog.pg_roles AS r ON r.oid = c.relowner
           WHERE c.oid IN (
               pg_catalog.to_regclass('perfkit.seed_run'),
               pg_catalog.to_regclass('perfkit.seed_chunk'),
               pg_catalog.to_regclass('perfkit.seed_patch'),
               pg_catalog.to_regclass('perfkit.seed_effect')
           )
             AND NOT r.rolsuper
             AND r.rolname <> current_user
             AND r.oid <> (SELECT d.datdba FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
           ORDER BY c.relname
           LIMIT 1
       ) AS strange_owner
