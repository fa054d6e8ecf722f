-- one row: the text of the functions of the triggers that an INSERT into table $1 or one of its partitions may fire, and what the triggers call them with and when, '' without triggers
SELECT coalesce(pg_catalog.string_agg(
    pg_catalog.concat_ws(E'\n', p.prosrc, pg_catalog.substring(pg_catalog.pg_get_triggerdef(g.oid), ' FOR EACH (?:ROW|STATEMENT)(.*)$')),
    E'\n' ORDER BY g.tgname, p.oid
), '') AS source
FROM pg_catalog.pg_trigger AS g
JOIN pg_catalog.pg_proc AS p ON p.oid = g.tgfoid
WHERE (g.tgrelid = $1 OR g.tgrelid IN (SELECT t.relid FROM pg_catalog.pg_partition_tree($1::pg_catalog.regclass) AS t))
  -- TRIGGER_TYPE_INSERT of catalog/pg_trigger.h
  AND NOT g.tgisinternal AND g.tgparentid = 0 AND g.tgtype & 4 <> 0
