-- one row a table $2 in schema $1 (in parallel), in their order: what the server has to do for each row, and the first key of each
-- B-tree; of each foreign key which of these tables it refers to, from 1, or 0, and how many rows that is estimated to have
WITH asked AS (
    SELECT p.ordinality, c.oid, c.reltuples
    FROM ROWS FROM (
        pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])
    ) WITH ORDINALITY AS p (schema, table_name, ordinality)
    LEFT JOIN pg_catalog.pg_namespace AS n ON n.nspname = p.schema
    LEFT JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = p.table_name
)
SELECT coalesce(c.reltuples, 0)::pg_catalog.int8 AS n_rows,
       ARRAY(
           SELECT coalesce(a.ordinality, 0)
           FROM pg_catalog.pg_constraint AS k
           LEFT JOIN asked AS a ON a.oid = k.confrelid
           WHERE k.conrelid = c.oid AND k.contype = 'f'
           ORDER BY k.oid
       ) AS parents,
       ARRAY(
           SELECT r.reltuples::pg_catalog.int8
           FROM pg_catalog.pg_constraint AS k
           JOIN pg_catalog.pg_class AS r ON r.oid = k.confrelid
           WHERE k.conrelid = c.oid AND k.contype = 'f'
           ORDER BY k.oid
       ) AS parent_rows,
       (
           SELECT pg_catalog.count(*) FROM pg_catalog.pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype = 'c'
       ) AS n_checks,
       (
           SELECT pg_catalog.count(*) FROM pg_catalog.pg_trigger AS t
           -- for each row (1), at INSERT (4): TRIGGER_TYPE_… in pg_trigger.h
           WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND t.tgtype & 5 = 5
       ) AS n_triggers,
       ARRAY(
           SELECT pg_catalog.pg_get_indexdef(x.indexrelid, 1, true)
           FROM pg_catalog.pg_index AS x
           JOIN pg_catalog.pg_class AS i ON i.oid = x.indexrelid
           JOIN pg_catalog.pg_am AS m ON m.oid = i.relam
           WHERE x.indrelid = c.oid AND m.amname = 'btree'
           ORDER BY x.indexrelid
       ) AS btrees,
       (
           SELECT pg_catalog.count(*)
           FROM pg_catalog.pg_index AS x
           JOIN pg_catalog.pg_class AS i ON i.oid = x.indexrelid
           JOIN pg_catalog.pg_am AS m ON m.oid = i.relam
           WHERE x.indrelid = c.oid AND m.amname <> 'btree'
       ) AS n_other_indexes
FROM asked AS c
ORDER BY c.ordinality
