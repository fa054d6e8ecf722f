-- one row an index named by schema (in $1) and name (in $2), and each of its partitions: oid, parent, record as JSON
WITH RECURSIVE tree (oid, is_root) AS (
    SELECT c.oid, true
    FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) AS wanted (schema, name)
    JOIN pg_catalog.pg_namespace AS n ON n.nspname = wanted.schema
    JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = wanted.name AND c.relkind IN ('i', 'I')
    UNION
    SELECT h.inhrelid, false FROM tree AS t JOIN pg_catalog.pg_inherits AS h ON h.inhparent = t.oid
)
SELECT t.oid,
       t.is_root,
       p.oid AS parent,
       pg_catalog.jsonb_build_object(
           'index', pg_catalog.jsonb_build_object('schema', n.nspname, 'table', r.relname, 'name', c.relname),
           'definition', pg_catalog.pg_get_indexdef(t.oid),
           'method', am.amname,
           'columns', (
               SELECT COALESCE(pg_catalog.jsonb_agg(a.attname ORDER BY a.attnum), '[]')
               FROM pg_catalog.pg_attribute AS a
               WHERE a.attrelid = i.indrelid
                 AND a.attnum > 0
                 AND (
                     a.attnum = ANY (i.indkey::pg_catalog.int2[])
                     -- Columns of expressions and of the predicate.
                     OR EXISTS (
                         SELECT 1
                         FROM pg_catalog.pg_depend AS d
                         WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                           AND d.objid = t.oid
                           AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
                           AND d.refobjid = i.indrelid
                           AND d.refobjsubid = a.attnum
                     )
                 )
           ),
           'has_expressions', i.indexprs IS NOT NULL,
           'tablespace', ts.spcname,
           'comment', pg_catalog.obj_description(t.oid, 'pg_class'),
           'statistics_targets', (
               SELECT COALESCE(
                          pg_catalog.jsonb_agg(
                              pg_catalog.jsonb_build_object('column', a.attnum, 'target', a.attstattarget)
                              ORDER BY a.attnum
                          ),
                          '[]'
                      )
               FROM pg_catalog.pg_attribute AS a
               -- Without a target of its own it is -1, since PostgreSQL 17 null.
               WHERE a.attrelid = t.oid AND a.attstattarget >= 0
           ),
           'is_clustered', i.indisclustered,
           'is_replica_identity', i.indisreplident,
           'is_valid', i.indisvalid,
           'is_ready', i.indisready,
           'is_live', i.indislive,
           'constraint', CASE WHEN con.oid IS NOT NULL THEN pg_catalog.jsonb_build_object(
               'kind', CASE con.contype WHEN 'p' THEN 'primary_key' WHEN 'u' THEN 'unique' ELSE 'exclusion' END,
               'definition', pg_catalog.pg_get_constraintdef(con.oid),
               'is_deferrable', con.condeferrable,
               'is_initially_deferred', con.condeferred,
               'comment', pg_catalog.obj_description(con.oid, 'pg_constraint')
           ) END,
           'foreign_keys', (
               SELECT COALESCE(
                          pg_catalog.jsonb_agg(
                              pg_catalog.jsonb_build_object(
                                  'schema', fn.nspname,
                                  'table', fr.relname,
                                  'name', f.conname,
                                  'definition', pg_catalog.pg_get_constraintdef(f.oid),
                                  'comment', pg_catalog.obj_description(f.oid, 'pg_constraint'),
                                  'is_of_partitioned', fr.relkind = 'p'
                              )
                              ORDER BY fn.nspname, fr.relname, f.conname
                          ),
                          '[]'
                      )
               FROM pg_catalog.pg_constraint AS f
               JOIN pg_catalog.pg_class AS fr ON fr.oid = f.conrelid
               JOIN pg_catalog.pg_namespace AS fn ON fn.oid = fr.relnamespace
               -- Those with a parent are what it has made on partitions.
               WHERE f.contype = 'f' AND f.conindid = t.oid AND f.conparentid = 0
           ),
           'parent', CASE WHEN p.oid IS NOT NULL THEN pg_catalog.jsonb_build_object(
               'schema', pn.nspname, 'table', pr.relname, 'name', p.relname
           ) END,
           'is_partitioned', c.relkind = 'I'
       )::pg_catalog.text AS record
FROM tree AS t
JOIN pg_catalog.pg_index AS i ON i.indexrelid = t.oid
JOIN pg_catalog.pg_class AS c ON c.oid = t.oid
JOIN pg_catalog.pg_am AS am ON am.oid = c.relam
JOIN pg_catalog.pg_class AS r ON r.oid = i.indrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = r.relnamespace
LEFT JOIN pg_catalog.pg_tablespace AS ts ON ts.oid = c.reltablespace
LEFT JOIN pg_catalog.pg_constraint AS con
    ON con.conindid = t.oid AND con.conrelid = i.indrelid AND con.contype IN ('p', 'u', 'x')
LEFT JOIN pg_catalog.pg_inherits AS h ON h.inhrelid = t.oid
LEFT JOIN pg_catalog.pg_class AS p ON p.oid = h.inhparent
LEFT JOIN pg_catalog.pg_index AS pi ON pi.indexrelid = p.oid
LEFT JOIN pg_catalog.pg_class AS pr ON pr.oid = pi.indrelid
LEFT JOIN pg_catalog.pg_namespace AS pn ON pn.oid = pr.relnamespace
ORDER BY n.nspname, r.relname, c.relname
