-- a row for each of the names $1 that a volatile function has which is not the server's own: name
SELECT DISTINCT p.proname::pg_catalog.text AS name
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
WHERE p.proname = ANY ($1::pg_catalog.text[]) AND p.provolatile = 'v' AND n.nspname <> 'pg_catalog'
ORDER BY name
