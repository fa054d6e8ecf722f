-- one row a type of $1 or one that these are made of
WITH RECURSIVE made AS (
    SELECT o.oid FROM pg_catalog.unnest($1::pg_catalog.oid[]) AS o (oid)
    UNION
    SELECT p.oid
    FROM made AS m
    JOIN pg_catalog.pg_type AS t ON t.oid = m.oid
    CROSS JOIN LATERAL (
        SELECT t.typbasetype WHERE t.typtype = 'd'
        UNION ALL
        SELECT e.oid FROM pg_catalog.pg_type AS e WHERE e.oid = t.typelem AND e.typarray = t.oid
        UNION ALL
        SELECT r.rngsubtype FROM pg_catalog.pg_range AS r WHERE t.typtype = 'r' AND r.rngtypid = t.oid
        UNION ALL
        SELECT r.rngtypid FROM pg_catalog.pg_range AS r WHERE t.typtype = 'm' AND r.rngmultitypid = t.oid
        UNION ALL
        SELECT a.atttypid FROM pg_catalog.pg_attribute AS a
        WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    ) AS p (oid)
)
SELECT t.oid,
       t.typname AS name,
       t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace AS is_builtin,
       t.typtype AS kind,
       t.typreceive = 0 AND t.typtype <> 'd' AS has_no_binary,
       -- the base of a domain, the element of an array, the subtype of a range, the range of a multirange
       coalesce(
           CASE WHEN t.typtype = 'd' THEN t.typbasetype END,
           (SELECT e.oid FROM pg_catalog.pg_type AS e WHERE e.oid = t.typelem AND e.typarray = t.oid),
           (SELECT r.rngsubtype FROM pg_catalog.pg_range AS r WHERE r.rngtypid = t.oid),
           (SELECT r.rngtypid FROM pg_catalog.pg_range AS r WHERE r.rngmultitypid = t.oid)
       ) AS part,
       t.typtypmod AS modifier,
       t.typnotnull AS not_null,
       CASE WHEN t.typtype = 'd' THEN t.typdefault END AS default,
       ARRAY(
           SELECT e.enumlabel::pg_catalog.text FROM pg_catalog.pg_enum AS e
           WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder
       ) AS labels,
       ARRAY(
           SELECT a.atttypid FROM pg_catalog.pg_attribute AS a
           WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
       ) AS attributes,
       ARRAY(
           SELECT a.atttypmod FROM pg_catalog.pg_attribute AS a
           WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
       ) AS attribute_modifiers,
       ARRAY(
           SELECT con.conname::pg_catalog.text FROM pg_catalog.pg_constraint AS con
           WHERE con.contypid = t.oid AND con.contype = 'c' ORDER BY con.conname
       ) AS check_names,
       ARRAY(
           SELECT pg_catalog.format('CHECK (%s)', pg_catalog.pg_get_expr(con.conbin, 0)) FROM pg_catalog.pg_constraint AS con
           WHERE con.contypid = t.oid AND con.contype = 'c' ORDER BY con.conname
       ) AS checks
FROM made AS m
JOIN pg_catalog.pg_type AS t ON t.oid = m.oid
ORDER BY t.oid
