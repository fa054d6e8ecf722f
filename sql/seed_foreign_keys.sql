-- one row an enforced foreign key of tables $2 in schemas $1 (in parallel): it, its table and parent with the kinds of both, their columns
SELECT k.conname AS name,
       n.nspname AS schema,
       m.relname AS table_name,
       m.relkind = 'p' AS is_partitioned,
       ARRAY(
           SELECT a.attname::pg_catalog.text
           FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY AS u (attnum, ordinality)
           JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.attnum
           ORDER BY u.ordinality
       ) AS columns,
       pn.nspname AS parent_schema,
       p.relname AS parent,
       p.relkind = 'p' AS is_parent_partitioned,
       ARRAY(
           SELECT a.attname::pg_catalog.text
           FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY AS u (attnum, ordinality)
           JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = u.attnum
           ORDER BY u.ordinality
       ) AS parent_columns,
       k.confmatchtype = 'f' AS is_match_full
FROM ROWS FROM (
    pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])
) AS t (schema, table_name)
JOIN pg_catalog.pg_namespace AS cn ON cn.nspname = t.schema
JOIN pg_catalog.pg_class AS c ON c.relnamespace = cn.oid AND c.relname = t.table_name
JOIN pg_catalog.pg_constraint AS k ON k.contype = 'f' AND k.conparentid = 0 AND (
    k.conrelid = c.oid
    -- what a partition has of its own
    OR k.conrelid IN (SELECT l.relid FROM pg_catalog.pg_partition_tree(c.oid::pg_catalog.regclass) AS l)
)
JOIN pg_catalog.pg_class AS m ON m.oid = k.conrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = m.relnamespace
JOIN pg_catalog.pg_class AS p ON p.oid = k.confrelid
JOIN pg_catalog.pg_namespace AS pn ON pn.oid = p.relnamespace
-- the column is there since PostgreSQL 18
WHERE coalesce((pg_catalog.to_jsonb(k) ->> 'conenforced')::pg_catalog.bool, true)
ORDER BY n.nspname, m.relname, k.conname, k.oid
