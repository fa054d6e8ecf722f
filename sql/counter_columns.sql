-- one row a column of the tables $1, in their order: what counters have to know of it; of a domain, the type below it
SELECT a.attrelid AS table,
       a.attname AS name,
       pg_catalog.format_type(b.oid, -1) AS type_name,
       a.attnotnull AS is_not_null,
       pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS default,
       a.attgenerated <> '' OR a.attidentity <> '' AS is_generated,
       pg_catalog.col_description(a.attrelid, a.attnum) AS comment,
       -- Enums and ranges have one operator of the system for all; an array is compared as its elements are.
       e.typtype IN ('e', 'r', 'm') OR en.nspname = 'pg_catalog' AND EXISTS (
           SELECT
           FROM pg_catalog.pg_opclass AS o
           JOIN pg_catalog.pg_am AS m ON m.oid = o.opcmethod AND m.amname = 'btree'
           JOIN pg_catalog.pg_namespace AS n ON n.oid = o.opcnamespace AND n.nspname = 'pg_catalog'
           WHERE o.opcdefault
             AND (o.opcintype = e.oid OR EXISTS (
                 SELECT FROM pg_catalog.pg_cast AS c
                 WHERE c.castsource = e.oid AND c.casttarget = o.opcintype AND c.castmethod = 'b' AND c.castcontext = 'i'
             ))
       ) AS has_system_operators
FROM pg_catalog.pg_attribute AS a
LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
CROSS JOIN LATERAL (
    WITH RECURSIVE below (oid, typbasetype) AS (
        SELECT t.oid, t.typbasetype FROM pg_catalog.pg_type AS t WHERE t.oid = a.atttypid
        UNION ALL
        SELECT t.oid, t.typbasetype FROM below AS b JOIN pg_catalog.pg_type AS t ON t.oid = b.typbasetype
    )
    SELECT t.oid, t.typcategory, t.typelem
    FROM below JOIN pg_catalog.pg_type AS t ON t.oid = below.oid
    WHERE below.typbasetype = 0
) AS b
JOIN pg_catalog.pg_type AS e ON e.oid = CASE WHEN b.typcategory = 'A' THEN b.typelem ELSE b.oid END
JOIN pg_catalog.pg_namespace AS en ON en.oid = e.typnamespace
WHERE a.attrelid = ANY ($1::pg_catalog.oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
