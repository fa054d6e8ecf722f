-- one row an index that may be away while tables $2 in schemas $1 (in parallel) are loaded: it enforces nothing, and no trigger may need it
SELECT n.nspname AS schema,
       c.relname AS table_name,
       i.relname AS name,
       pg_catalog.pg_get_indexdef(i.oid) AS definition,
       pg_catalog.pg_relation_size(i.oid) AS size_bytes
FROM ROWS FROM (
    pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])
) AS p (schema, table_name)
JOIN pg_catalog.pg_namespace AS n ON n.nspname = p.schema
JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = p.table_name
JOIN pg_catalog.pg_index AS x ON x.indrelid = c.oid
JOIN pg_catalog.pg_class AS i ON i.oid = x.indexrelid
WHERE c.relkind IN ('r', 'p')
  AND NOT c.relispartition
  AND pg_catalog.pg_has_role(c.relowner, 'USAGE')
  AND NOT x.indisunique
  AND NOT x.indisexclusion
  AND NOT x.indisreplident
  AND x.indisvalid
  AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint AS k WHERE k.conindid = i.oid)
  AND NOT EXISTS (
      SELECT 1 FROM pg_catalog.pg_depend AS d
      WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = i.oid AND d.deptype = 'e'
  )
  AND NOT EXISTS (
      SELECT 1 FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'
  )
ORDER BY n.nspname, c.relname, i.relname
