-- one row a table named by schema (in $1) and name (in $2), and each of its partitions: what it has, as JSON
WITH RECURSIVE tree (oid) AS (
    SELECT c.oid
    FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[]))
        AS wanted (schema, name)
    JOIN pg_catalog.pg_namespace AS n ON n.nspname = wanted.schema
    JOIN pg_catalog.pg_class AS c
        ON c.relnamespace = n.oid AND c.relname = wanted.name AND c.relkind IN ('r', 'p', 'm')
    UNION
    SELECT c.oid
    FROM tree AS t
    JOIN pg_catalog.pg_inherits AS h ON h.inhparent = t.oid
    JOIN pg_catalog.pg_class AS c ON c.oid = h.inhrelid AND c.relispartition
)
SELECT pg_catalog.jsonb_build_object(
           'name', pg_catalog.jsonb_build_object('schema', n.nspname, 'name', c.relname),
           'columns', (
               SELECT COALESCE(pg_catalog.jsonb_agg(a.attname ORDER BY a.attnum), '[]')
               FROM pg_catalog.pg_attribute AS a
               WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
           ),
           'is_partitioned', c.relkind = 'p',
           'parent', (
               SELECT pg_catalog.jsonb_build_object('schema', pn.nspname, 'name', p.relname)
               FROM pg_catalog.pg_inherits AS h
               JOIN pg_catalog.pg_class AS p ON p.oid = h.inhparent
               JOIN pg_catalog.pg_namespace AS pn ON pn.oid = p.relnamespace
               WHERE h.inhrelid = c.oid AND c.relispartition AND NOT h.inhdetachpending
           ),
           'clustered_by', (
               SELECT ic.relname
               FROM pg_catalog.pg_index AS i
               JOIN pg_catalog.pg_class AS ic ON ic.oid = i.indexrelid
               WHERE i.indrelid = c.oid AND i.indisclustered
           ),
           'has_lost_identity', c.relreplident = 'i' AND NOT EXISTS (
               SELECT 1 FROM pg_catalog.pg_index AS i WHERE i.indrelid = c.oid AND i.indisreplident
           ),
           'foreign_keys', (
               SELECT COALESCE(pg_catalog.jsonb_agg(f.conname ORDER BY f.conname), '[]')
               FROM pg_catalog.pg_constraint AS f
               WHERE f.conrelid = c.oid AND f.contype = 'f'
           ),
           'invalid_indexes', (
               SELECT COALESCE(pg_catalog.jsonb_agg(ic.relname ORDER BY ic.relname), '[]')
               FROM pg_catalog.pg_index AS i
               JOIN pg_catalog.pg_class AS ic ON ic.oid = i.indexrelid
               WHERE i.indrelid = c.oid AND NOT i.indisvalid
           )
       )::pg_catalog.text AS table
FROM tree AS t
JOIN pg_catalog.pg_class AS c ON c.oid = t.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
ORDER BY n.nspname, c.relname
