-- one row a table named by $1 (schemas) and $2 (names, in parallel), and each below it in a tree of partitions
WITH RECURSIVE tree (oid) AS (
    SELECT c.oid
    FROM ROWS FROM (
        pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])
    ) AS wanted (schema, name)
    JOIN pg_catalog.pg_namespace AS n ON n.nspname = wanted.schema
    JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = wanted.name
    WHERE c.relkind IN ('r', 'p', 'm', 'f', 'v')
    UNION
    SELECT i.inhrelid
    FROM tree AS t
    JOIN pg_catalog.pg_inherits AS i ON i.inhparent = t.oid
    JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid AND c.relispartition
)
SELECT c.oid,
       n.nspname AS schema,
       c.relname AS name,
       c.relkind::pg_catalog.text AS kind,
       (
           SELECT i.inhparent FROM pg_catalog.pg_inherits AS i
           WHERE i.inhrelid = c.oid AND c.relispartition AND NOT i.inhdetachpending
       ) AS parent,
       coalesce(pg_catalog.pg_relation_size(c.oid), 0) AS size_bytes
FROM tree AS t
JOIN pg_catalog.pg_class AS c ON c.oid = t.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
ORDER BY c.oid
