-- one row an enabled trigger of table $1 in schema $2 whose function or arguments name column $3: the events that it fires for
-- TRIGGER_TYPE_INSERT, _UPDATE, _DELETE and _TRUNCATE of catalog/pg_trigger.h
SELECT ARRAY(
           SELECT e.name
           FROM (VALUES (4, 'INSERT'), (16, 'UPDATE'), (8, 'DELETE'), (32, 'TRUNCATE')) AS e (bit, name)
           WHERE t.tgtype & e.bit <> 0
           ORDER BY e.name
       ) AS events
FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
WHERE c.relname = $1
  AND n.nspname = $2
  AND NOT t.tgisinternal
  AND t.tgenabled IN ('O', 'A')
  AND (
      pg_catalog.strpos(p.prosrc, $3) > 0
      OR pg_catalog.strpos(pg_catalog.pg_get_functiondef(p.oid), $3) > 0
      OR pg_catalog.strpos(pg_catalog.encode(t.tgargs, 'escape'), $3) > 0
  )
ORDER BY t.tgname
