-- one row a trigger of the tables $1 that people or perfkit have made: name, function, whether it fires in ordinary sessions, and for each row that any UPDATE changes
SELECT t.tgrelid AS table,
       t.tgname AS name,
       n.nspname AS function_schema,
       p.proname AS function_name,
       t.tgenabled IN ('O', 'A') AS is_enabled,
       -- TRIGGER_TYPE_ROW and TRIGGER_TYPE_UPDATE of catalog/pg_trigger.h
       t.tgtype & 1 <> 0 AND t.tgtype & 16 <> 0 AND t.tgattr::pg_catalog.text = '' AND t.tgenabled IN ('O', 'A') AS fires_for_updated_rows
FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
WHERE t.tgrelid = ANY ($1::pg_catalog.oid[]) AND NOT t.tgisinternal
ORDER BY t.tgrelid, t.tgname
