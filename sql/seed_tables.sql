-- one row a table of the schemas $1 (none: those of the search path; '*': all), a partition of one, and what foreign keys of these refer to besides
WITH RECURSIVE tree AS (
    SELECT c.oid AS root, c.oid AS member, NULL::pg_catalog.oid AS parent, true AS is_asked
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
      AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'perfkit') AND n.nspname NOT LIKE 'pg\_%'
      AND ('*' = ANY ($1::pg_catalog.text[]) OR n.nspname = ANY (
          CASE WHEN pg_catalog.cardinality($1) = 0 THEN pg_catalog.current_schemas(false)::pg_catalog.text[] ELSE $1 END
      ))
      AND NOT EXISTS (
          SELECT 1 FROM pg_catalog.pg_depend AS d
          WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e'
            AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
      )
    UNION ALL
    SELECT t.root, i.inhrelid, t.member, true
    FROM tree AS t
    JOIN pg_catalog.pg_inherits AS i ON i.inhparent = t.member
    JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid AND c.relispartition
    WHERE NOT i.inhdetachpending
), members AS (
    SELECT t.root, t.member, t.parent, t.is_asked FROM tree AS t
    UNION ALL
    SELECT p.oid, p.oid, NULL, false
    FROM (
        SELECT DISTINCT con.confrelid AS oid
        FROM tree AS t
        JOIN pg_catalog.pg_constraint AS con ON con.conrelid = t.member AND con.contype = 'f' AND con.conparentid = 0
    ) AS p
    WHERE NOT EXISTS (SELECT 1 FROM tree AS t WHERE t.root = p.oid)
)
SELECT m.root,
       m.member,
       m.parent,
       m.is_asked,
       n.nspname AS schema,
       c.relname AS name,
       c.relkind AS kind,
       p.partstrat AS strategy,
       -- no columns where one of them is an expression
       CASE WHEN 0 <> ALL (p.partattrs::pg_catalog.int2[]) THEN ARRAY(
           SELECT a.attname::pg_catalog.text
           FROM pg_catalog.unnest(p.partattrs::pg_catalog.int2[]) WITH ORDINALITY AS k (attnum, n)
           JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum
           ORDER BY k.n
       ) ELSE '{}' END AS partition_columns,
       CASE WHEN m.parent IS NOT NULL THEN pg_catalog.pg_get_expr(c.relpartbound, c.oid) END AS bound,
       pg_catalog.row_security_active(c.oid) AS has_row_security,
       (
           -- COPY passes over rules: only one that always replaces INSERT is meant to keep rows out
           SELECT pg_catalog.min(r.rulename::pg_catalog.text) FROM pg_catalog.pg_rewrite AS r
           WHERE r.ev_class = c.oid AND r.ev_type = '3' AND r.is_instead AND r.ev_enabled IN ('O', 'A')
             AND r.ev_qual::pg_catalog.text = '<>'
       ) AS rule,
       pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS may_use_schema,
       pg_catalog.has_table_privilege(c.oid, 'INSERT') OR NOT EXISTS (
           SELECT 1 FROM pg_catalog.pg_attribute AS a
           WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
             AND NOT pg_catalog.has_column_privilege(c.oid, a.attnum, 'INSERT')
       ) AS may_insert,
       pg_catalog.has_any_column_privilege(c.oid, 'SELECT') AS may_select
FROM members AS m
JOIN pg_catalog.pg_class AS c ON c.oid = m.member
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_partitioned_table AS p ON p.partrelid = c.oid
ORDER BY n.nspname, c.relname, m.root
