-- one row a trigger that an INSERT of this session fires on the tables $1, which have their partitions and themselves beside them in $2
SELECT t.root AS table,
       g.tgname AS name,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(p.proname) AS function,
       -- TRIGGER_TYPE_ROW, TRIGGER_TYPE_BEFORE and TRIGGER_TYPE_INSERT of catalog/pg_trigger.h
       g.tgtype & 2 <> 0 AS is_before,
       g.tgtype & 1 <> 0 AS is_row_level,
       g.tgdeferrable AS is_deferrable
FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]), pg_catalog.unnest($2::pg_catalog.oid[])) AS t (root, member)
JOIN pg_catalog.pg_trigger AS g ON g.tgrelid = t.member
JOIN pg_catalog.pg_proc AS p ON p.oid = g.tgfoid
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
WHERE NOT g.tgisinternal AND g.tgparentid = 0 AND g.tgtype & 4 <> 0
  AND g.tgenabled IN (
      'A', CASE pg_catalog.current_setting('session_replication_role') WHEN 'replica' THEN 'R' ELSE 'O' END::pg_catalog."char"
  )
ORDER BY t.root, t.member <> t.root, g.tgname, t.member
