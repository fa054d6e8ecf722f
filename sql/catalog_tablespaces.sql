-- one row a tablespace that has costs of its own: name, options
SELECT s.spcname::pg_catalog.text AS name, pg_catalog.array_to_string(s.spcoptions, ', ') AS options
FROM pg_catalog.pg_tablespace AS s
WHERE s.spcoptions IS NOT NULL
ORDER BY s.spcname
