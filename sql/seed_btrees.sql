-- one row a B-tree of tables $2 in schemas $1 (in parallel), or of their partitions, that this role may build anew: the place of its
-- table among these, from 1, its own table and the index that it is a part of, and what decides on its size
SELECT p.ordinality,
       n.nspname AS schema,
       t.relname AS table_name,
       i.relname AS name,
       rn.nspname AS root_schema,
       r.relname AS root_name,
       pg_catalog.pg_get_indexdef(i.oid, 1, true) AS first_key,
       x.indisunique AND x.indpred IS NULL AS is_of_each_row,
       t.reltuples::pg_catalog.int8 AS n_rows,
       pg_catalog.pg_relation_size(i.oid) AS size_bytes,
       coalesce((
           SELECT o.option_value::pg_catalog.int4 FROM pg_catalog.pg_options_to_table(i.reloptions) AS o
           WHERE o.option_name = 'fillfactor'
       ), 90) AS fillfactor,
       ARRAY(
           SELECT a.attlen FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = i.oid ORDER BY a.attnum
       ) AS lengths,
       ARRAY(
           -- TYPALIGN_… in pg_type.h
           SELECT (CASE a.attalign WHEN 'd' THEN 8 WHEN 'i' THEN 4 WHEN 's' THEN 2 ELSE 1 END)::pg_catalog.int2
           FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = i.oid ORDER BY a.attnum
       ) AS alignments
FROM ROWS FROM (
    pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])
) WITH ORDINALITY AS p (schema, table_name, ordinality)
JOIN pg_catalog.pg_namespace AS pn ON pn.nspname = p.schema
JOIN pg_catalog.pg_class AS c ON c.relnamespace = pn.oid AND c.relname = p.table_name
CROSS JOIN LATERAL (
    SELECT c.oid
    UNION
    SELECT l.relid FROM pg_catalog.pg_partition_tree(c.oid) AS l
) AS l (oid)
JOIN pg_catalog.pg_class AS t ON t.oid = l.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
JOIN pg_catalog.pg_index AS x ON x.indrelid = t.oid
JOIN pg_catalog.pg_class AS i ON i.oid = x.indexrelid
JOIN pg_catalog.pg_am AS m ON m.oid = i.relam
JOIN pg_catalog.pg_class AS r ON r.oid = coalesce(pg_catalog.pg_partition_root(i.oid), i.oid)
JOIN pg_catalog.pg_namespace AS rn ON rn.oid = r.relnamespace
WHERE t.relkind = 'r'
  AND m.amname = 'btree'
  AND x.indisvalid
  AND pg_catalog.pg_has_role(t.relowner, 'USAGE')
ORDER BY p.ordinality, n.nspname, t.relname, i.relname
