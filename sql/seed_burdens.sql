-- one row a table $2 in schema $1 (in parallel), in their order: what the server has to do for each row, and the first key of each B-tree
SELECT (
           SELECT pg_catalog.count(*) FROM pg_catalog.pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype = 'f'
       ) AS n_foreign_keys,
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
FROM ROWS FROM (
    pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])
) WITH ORDINALITY AS p (schema, table_name, ordinality)
LEFT JOIN pg_catalog.pg_namespace AS n ON n.nspname = p.schema
LEFT JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = p.table_name
ORDER BY p.ordinality
