-- one row a column of the tables $1, in order
WITH RECURSIVE base AS (
    SELECT t.oid AS type, b.oid AS base_type
    FROM pg_catalog.pg_type AS t
    JOIN pg_catalog.pg_type AS b ON b.oid = t.typbasetype AND b.typtype <> 'd'
    WHERE t.typtype = 'd'
    UNION ALL
    SELECT t.oid, b.base_type
    FROM base AS b
    JOIN pg_catalog.pg_type AS t ON t.typbasetype = b.type AND t.typtype = 'd'
), own AS MATERIALIZED (
    -- once, not for each column
    SELECT db.datcollate, coalesce(pg_catalog.to_jsonb(db) ->> 'datlocprovider', 'c') AS provider
    FROM pg_catalog.pg_database AS db WHERE db.datname = pg_catalog.current_database()
)
SELECT a.attrelid AS table,
       a.attnum AS number,
       a.attname AS name,
       a.atttypid AS type,
       a.attcollation AS collation_oid,
       pg_catalog.format_type(a.atttypid, a.atttypmod) AS type_name,
       bt.typname AS base_type,
       a.attnotnull AS not_null,
       a.atthasdef OR a.attidentity <> '' AS has_default,
       a.attgenerated = 'v' AS is_virtual,
       (
           SELECT pg_catalog.pg_get_expr(ad.adbin, ad.adrelid) FROM pg_catalog.pg_attrdef AS ad
           WHERE ad.adrelid = a.attrelid AND ad.adnum = a.attnum AND a.attgenerated = 'v'
       ) AS virtual_expression,
       -- C.UTF-8 of the builtin provider is ordered by code points, which in UTF-8 is by bytes
       coalesce(
           co.collprovider = 'b'
           OR co.collprovider = 'c' AND co.collcollate IN ('C', 'POSIX')
           OR co.collprovider = 'd' AND own.provider = 'b'
           OR co.collprovider = 'd' AND own.provider = 'c' AND own.datcollate IN ('C', 'POSIX'),
           false
       ) AS is_ordered_by_bytes,
       CASE WHEN bt.typcategory = 'A' THEN et.typname END AS element_type,
       CASE WHEN a.attcollation <> t.typcollation AND a.attcollation <> 0
            THEN pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname) END AS collation
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
LEFT JOIN base AS b ON b.type = a.atttypid
JOIN pg_catalog.pg_type AS bt ON bt.oid = coalesce(b.base_type, a.atttypid)
CROSS JOIN own
LEFT JOIN pg_catalog.pg_type AS et ON et.oid = bt.typelem
LEFT JOIN pg_catalog.pg_collation AS co ON co.oid = a.attcollation
LEFT JOIN pg_catalog.pg_namespace AS cn ON cn.oid = co.collnamespace
WHERE a.attrelid = ANY ($1) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
