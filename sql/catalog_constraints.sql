-- one row a constraint of the tables $1
WITH RECURSIVE base AS (
    SELECT t.oid AS type, t.oid AS base_type
    FROM pg_catalog.pg_type AS t
    WHERE t.typtype <> 'd'
    UNION ALL
    SELECT t.oid, b.base_type
    FROM base AS b
    JOIN pg_catalog.pg_type AS t ON t.typbasetype = b.type AND t.typtype = 'd'
), family AS (
    SELECT m.amopopr, pg_catalog.string_agg(DISTINCT m.amopfamily::pg_catalog.text, ',') AS oids
    FROM pg_catalog.pg_amop AS m
    WHERE m.amoppurpose = 's'
    GROUP BY m.amopopr
), own AS (
    SELECT con.oid, key.n,
           -- The check asks "parent's value = column" (ri_triggers.c); an index is asked the commuted operator. It serves
           -- when the column needs no cast, or one that changes no bits (IsBinaryCoercible of parse_coerce.c).
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
                THEN f.oids END AS families
    FROM pg_catalog.pg_constraint AS con
    CROSS JOIN LATERAL ROWS FROM (
        pg_catalog.unnest(con.conkey), pg_catalog.unnest(con.conpfeqop)
    ) WITH ORDINALITY AS key (attnum, operator, n)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = con.conrelid AND a.attnum = key.attnum
    LEFT JOIN pg_catalog.pg_operator AS pf ON pf.oid = key.operator
    LEFT JOIN pg_catalog.pg_operator AS op ON op.oid = pf.oprcom
    LEFT JOIN base AS b ON b.type = a.atttypid
    LEFT JOIN pg_catalog.pg_type AS t ON t.oid = b.base_type
    LEFT JOIN family AS f ON f.amopopr = op.oid
    WHERE con.conrelid = ANY ($1) AND con.contype = 'f'
), families AS (
    SELECT o.oid, pg_catalog.array_agg(coalesce(o.families, '') ORDER BY o.n) AS families
    FROM own AS o
    GROUP BY o.oid
)
SELECT con.conrelid AS table,
       con.conname AS name,
       con.contype AS kind,
       pg_catalog.pg_get_constraintdef(con.oid) AS definition,
       ARRAY(
           SELECT a.attname::pg_catalog.text
           FROM pg_catalog.unnest(con.conkey) WITH ORDINALITY AS key (attnum, n)
           JOIN pg_catalog.pg_attribute AS a ON a.attrelid = con.conrelid AND a.attnum = key.attnum
           ORDER BY key.n
       ) AS columns,
       con.convalidated AS is_validated,
       con.conindid AS index,
       CASE WHEN con.contype = 'f' THEN con.confrelid END AS referenced_table,
       ARRAY(
           SELECT a.attname::pg_catalog.text
           FROM pg_catalog.unnest(con.confkey) WITH ORDINALITY AS key (attnum, n)
           JOIN pg_catalog.pg_attribute AS a ON a.attrelid = con.confrelid AND a.attnum = key.attnum
           ORDER BY key.n
       ) AS referenced_columns,
       coalesce(f.families, '{}') AS families,
       con.confdeltype AS on_delete,
       con.confupdtype AS on_update
FROM pg_catalog.pg_constraint AS con
LEFT JOIN families AS f ON f.oid = con.oid
WHERE con.conrelid = ANY ($1)
  -- a partition has keys of its own, while those that reference others belong to its parent
  AND (con.contype IN ('p', 'u', 'x') OR con.contype IN ('f', 'c') AND con.conparentid = 0)
ORDER BY con.conrelid, con.contype <> 'p', con.conname
