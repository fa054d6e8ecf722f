-- one row a foreign key to tables $2 in schemas $1 (in parallel): its table and whether it is partitioned, the table of which it is a partition or itself, its columns, the parent's place in them from 1, the parent's columns, whether deleting parents changes rows, and whether an index finds its rows
SELECT k.conname AS name,
       k.oid AS oid,
       cn.nspname AS schema,
       c.relname AS table_name,
       c.relkind = 'p' AS is_partitioned,
       rn.nspname AS root_schema,
       r.relname AS root_table,
       ARRAY(
           SELECT a.attname::pg_catalog.text
           FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY AS u (attnum, ordinality)
           JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.attnum
           ORDER BY u.ordinality
       ) AS columns,
       p.place::pg_catalog.int4 AS parent,
       ARRAY(
           SELECT a.attname::pg_catalog.text
           FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY AS u (attnum, ordinality)
           JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = u.attnum
           ORDER BY u.ordinality
       ) AS parent_columns,
       k.confdeltype IN ('c', 'n', 'd') AS changes_rows,
       EXISTS (
           SELECT 1
           FROM pg_catalog.pg_index AS i
           JOIN pg_catalog.pg_class AS ic ON ic.oid = i.indexrelid
           WHERE i.indrelid = k.conrelid AND i.indisvalid AND i.indpred IS NULL AND i.indkey[0] = ANY (k.conkey)
             -- Those of an earlier attempt to clean.
             AND ic.relname !~ '^perfkit_seed_clean_'
             AND (
                 -- all columns of the foreign key come first
                 (
                     SELECT bool_and(coalesce(i.indkey[place] = ANY (k.conkey), false))
                     FROM pg_catalog.generate_series(0, pg_catalog.cardinality(k.conkey) - 1) AS place
                 )
                 -- or the first one alone leaves few rows: a key that begins with `tenant_id` finds all of a tenant
                 OR EXISTS (
                     SELECT 1
                     FROM pg_catalog.pg_attribute AS a
                     JOIN pg_catalog.pg_stats AS s
                         ON s.schemaname = cn.nspname AND s.tablename = c.relname AND s.attname = a.attname
                     WHERE a.attrelid = k.conrelid AND a.attnum = i.indkey[0] AND s.n_distinct <> 0
                       AND CASE WHEN s.n_distinct < 0 THEN -1 / s.n_distinct ELSE c.reltuples / s.n_distinct END <= 100
                 )
             )
       ) AS has_index
FROM ROWS FROM (
    pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])
) WITH ORDINALITY AS p (schema, table_name, place)
JOIN pg_catalog.pg_namespace AS n ON n.nspname = p.schema
JOIN pg_catalog.pg_class AS pc ON pc.relnamespace = n.oid AND pc.relname = p.table_name
JOIN pg_catalog.pg_constraint AS k ON k.confrelid = pc.oid AND k.contype = 'f' AND k.conparentid = 0
JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace AS cn ON cn.oid = c.relnamespace
-- what a partition has of its own
JOIN pg_catalog.pg_class AS r ON r.oid = coalesce(pg_catalog.pg_partition_root(c.oid), c.oid)
JOIN pg_catalog.pg_namespace AS rn ON rn.oid = r.relnamespace
ORDER BY p.place, cn.nspname, c.relname, k.conname
