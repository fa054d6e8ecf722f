-- one row a constraint of the tables $1
WITH RECURSIVE base AS (
    SELECT t.oid AS type, b.oid AS base_type
    FROM pg_catalog.pg_type AS t
    JOIN pg_catalog.pg_type AS b ON b.oid = t.typbasetype AND b.typtype <> 'd'
    WHERE t.typtype = 'd'
    UNION ALL
    SELECT t.oid, b.base_type
    FROM base AS b
    JOIN pg_catalog.pg_type AS t ON t.typbasetype = b.type AND t.typtype = 'd'
), family AS (
    SELECT m.amopopr, pg_catalog.string_agg(DISTINCT m.amopfamily::pg_catalog.text, ',') AS oids
    FROM pg_catalog.pg_amop AS m
    WHERE m.amoppurpose = 's'
    GROUP BY m.amopopr
), wanted AS (
    SELECT con.*
    FROM pg_catalog.pg_constraint AS con
    WHERE con.conrelid = ANY ($1)
      -- a partition has keys of its own, while those that reference others belong to its parent
      AND (con.contype IN ('p', 'u', 'x') OR con.contype IN ('f', 'c') AND con.conparentid = 0)
), key AS MATERIALIZED (
    SELECT w.oid, k.n, a.attname, a.atttypid, r.attname AS referenced, k.operator
    FROM wanted AS w
    CROSS JOIN LATERAL ROWS FROM (
        pg_catalog.unnest(w.conkey), pg_catalog.unnest(w.confkey), pg_catalog.unnest(w.conpfeqop)
    ) WITH ORDINALITY AS k (attnum, referenced, operator, n)
    -- OFFSET 0: looked up one by one, since a join would read all of pg_attribute
    CROSS JOIN LATERAL (
        SELECT a.attname, a.atttypid FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = w.conrelid AND a.attnum = k.attnum OFFSET 0
    ) AS a
    LEFT JOIN LATERAL (
        SELECT a.attname FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = w.confrelid AND a.attnum = k.referenced OFFSET 0
    ) AS r ON w.contype = 'f'
), keys AS (
    SELECT k.oid,
           pg_catalog.array_agg(k.attname::pg_catalog.text ORDER BY k.n) AS columns,
           pg_catalog.array_agg(k.referenced::pg_catalog.text ORDER BY k.n) FILTER (WHERE k.referenced IS NOT NULL) AS referenced,
           pg_catalog.array_agg(
               -- The check asks "parent's value = column" (ri_triggers.c); an index is asked the commuted operator. It
               -- serves when the column needs no cast, or one that changes no bits (IsBinaryCoercible of parse_coerce.c).
               CASE WHEN op.oprleft = t.oid
                      OR op.oprleft = 'pg_catalog.anyarray'::pg_catalog.regtype AND t.typcategory = 'A'
                      OR op.oprleft = 'pg_catalog.anyenum'::pg_catalog.regtype AND t.typtype = 'e'
                      OR op.oprleft = 'pg_catalog.anyrange'::pg_catalog.regtype AND t.typtype = 'r'
                      OR op.oprleft = 'pg_catalog.anymultirange'::pg_catalog.regtype AND t.typtype = 'm'
                      OR op.oprleft = 'pg_catalog.record'::pg_catalog.regtype AND t.typtype = 'c'
                      OR EXISTS (
                          SELECT 1 FROM pg_catalog.pg_cast AS c
                          WHERE c.castsource = t.oid AND c.casttarget = op.oprleft AND c.castmethod = 'b' AND c.castcontext = 'i'
                      )
                    THEN coalesce(f.oids, '') ELSE '' END
               ORDER BY k.n
           ) FILTER (WHERE k.operator IS NOT NULL) AS families
    FROM key AS k
    LEFT JOIN base AS b ON b.type = k.atttypid
    LEFT JOIN pg_catalog.pg_type AS t ON t.oid = coalesce(b.base_type, k.atttypid)
    LEFT JOIN pg_catalog.pg_operator AS pf ON pf.oid = k.operator
    LEFT JOIN pg_catalog.pg_operator AS op ON op.oid = pf.oprcom
    LEFT JOIN family AS f ON f.amopopr = op.oid
    GROUP BY k.oid
)
SELECT w.conrelid AS table,
       w.conname AS name,
       w.contype AS kind,
       pg_catalog.pg_get_constraintdef(w.oid) AS definition,
       coalesce(k.columns, '{}') AS columns,
       w.convalidated AS is_validated,
       w.conindid AS index,
       CASE WHEN w.contype = 'f' THEN w.confrelid END AS referenced_table,
       coalesce(k.referenced, '{}') AS referenced_columns,
       coalesce(k.families, '{}') AS families,
       w.confdeltype AS on_delete,
       w.confupdtype AS on_update
FROM wanted AS w
LEFT JOIN keys AS k ON k.oid = w.oid
ORDER BY w.conrelid, w.contype <> 'p', w.conname
