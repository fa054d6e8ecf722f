-- one row: is_available; where the extension hypopg is created in this database also schema, version, can_hide
SELECT EXISTS (
           SELECT FROM pg_catalog.pg_available_extensions AS a WHERE a.name = wanted.name
       ) AS is_available,
       n.nspname AS schema,
       e.extversion AS version,
       EXISTS (
           SELECT FROM pg_catalog.pg_proc AS p WHERE p.pronamespace = n.oid AND p.proname = 'hypopg_hide_index'
       ) AS can_hide
FROM (VALUES ('hypopg')) AS wanted (name)
LEFT JOIN pg_catalog.pg_extension AS e ON e.extname = wanted.name
LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
