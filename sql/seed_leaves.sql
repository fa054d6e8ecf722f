-- one row a table of $1 that holds rows of its own, or a partition of one of them that does: the place in $1 from 1, its name, and its size in pages
SELECT t.place::pg_catalog.int4 AS place,
       n.nspname AS schema,
       c.relname AS name,
       pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::pg_catalog.int8 AS n_pages
FROM pg_catalog.unnest($1::pg_catalog.oid[]) WITH ORDINALITY AS t (oid, place)
JOIN pg_catalog.pg_class AS c
    ON c.oid = t.oid OR c.oid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree(t.oid::pg_catalog.regclass) AS p)
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r'
ORDER BY t.place, c.oid
