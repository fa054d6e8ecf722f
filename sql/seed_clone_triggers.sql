-- one row a trigger of the server's own functions that makes values of new rows of the tables $1: what follows the table in its definition
SELECT t.tgrelid AS table_oid,
       pg_catalog.substr(d.definition, pg_catalog.strpos(d.definition, d.before) + pg_catalog.length(d.before)) AS form
FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
CROSS JOIN LATERAL (
    SELECT pg_catalog.pg_get_triggerdef(t.oid) AS definition,
           pg_catalog.format(' ON %I.%I ', n.nspname, c.relname) AS before
) AS d
WHERE t.tgrelid = ANY ($1::pg_catalog.oid[])
  AND NOT t.tgisinternal
  AND t.tgenabled IN ('O', 'A')
  -- before (2), for each row (1), at INSERT (4): TRIGGER_TYPE_… in pg_trigger.h
  AND t.tgtype & 71 = 7
  AND l.lanname = 'internal'
ORDER BY t.tgrelid, t.tgname
