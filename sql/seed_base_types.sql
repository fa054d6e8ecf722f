-- one row a type name of $1, in their order, with what it is without its domains
WITH RECURSIVE level AS (
    SELECT o.n, o.name, t.typbasetype AS base, t.typtypmod AS modifier
    FROM pg_catalog.unnest($1::pg_catalog.text[]) WITH ORDINALITY AS o (name, n)
    LEFT JOIN pg_catalog.pg_type AS t ON t.oid = pg_catalog.to_regtype(o.name) AND t.typtype = 'd'
    UNION ALL
    SELECT l.n, pg_catalog.format_type(l.base, l.modifier), t.typbasetype, t.typtypmod
    FROM level AS l
    LEFT JOIN pg_catalog.pg_type AS t ON t.oid = l.base AND t.typtype = 'd'
    WHERE l.base IS NOT NULL
)
SELECT l.name AS base FROM level AS l WHERE l.base IS NULL ORDER BY l.n
