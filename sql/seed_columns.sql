-- one row a column of the tables $1, which have their partitions and themselves beside them in $2, in order, with the sequence that feeds it
WITH strict AS (
    -- a partition may be stricter than its root
    SELECT t.root, a.attname
    FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]), pg_catalog.unnest($2::pg_catalog.oid[])) AS t (root, member)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.member AND a.attnotnull AND a.attnum > 0 AND NOT a.attisdropped
    WHERE t.member <> t.root
    GROUP BY t.root, a.attname
), feeds AS (
    -- what its default names comes before what a column merely owns
    SELECT DISTINCT ON (f.table, f.attnum) f.table, f.attnum, f.sequence
    FROM (
        SELECT d.adrelid AS table, d.adnum AS attnum, s.seqrelid AS sequence, 1 AS n
        FROM pg_catalog.pg_sequence AS s
        JOIN pg_catalog.pg_depend AS x ON x.refobjid = s.seqrelid
        JOIN pg_catalog.pg_attrdef AS d ON d.oid = x.objid
        WHERE x.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
          AND x.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
        UNION ALL
        SELECT x.refobjid, x.refobjsubid, s.seqrelid, 2
        FROM pg_catalog.pg_sequence AS s
        JOIN pg_catalog.pg_depend AS x ON x.objid = s.seqrelid
        WHERE x.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND x.deptype IN ('a', 'i') AND x.refobjsubid > 0
          AND x.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    ) AS f
    ORDER BY f.table, f.attnum, f.n, f.sequence
)
SELECT a.attrelid AS table,
       a.attname AS name,
       a.atttypid AS type,
       a.atttypmod AS modifier,
       pg_catalog.format_type(a.atttypid, a.atttypmod) AS type_name,
       a.attnotnull OR s.root IS NOT NULL AS not_null,
       a.attgenerated <> '' AS is_generated,
       pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS default,
       a.attidentity = 'a' AS is_always_identity,
       coalesce(NOT co.collisdeterministic, false) AS folds_case,
       q.seqrelid IS NOT NULL AS has_sequence,
       n.nspname AS sequence_schema,
       c.relname AS sequence,
       q.seqincrement AS increment,
       q.seqmin AS min,
       q.seqmax AS max,
       q.seqstart AS start,
       CASE WHEN pg_catalog.has_sequence_privilege(c.oid, 'USAGE, SELECT')
            THEN pg_catalog.pg_sequence_last_value(c.oid) END AS last_value,
       pg_catalog.has_sequence_privilege(c.oid, 'UPDATE') AS may_update,
       pg_catalog.pg_has_role(c.relowner, 'USAGE') AS is_owner
FROM pg_catalog.pg_attribute AS a
LEFT JOIN strict AS s ON s.root = a.attrelid AND s.attname = a.attname
LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_catalog.pg_collation AS co ON co.oid = a.attcollation
LEFT JOIN feeds AS f ON f.table = a.attrelid AND f.attnum = a.attnum
LEFT JOIN pg_catalog.pg_sequence AS q ON q.seqrelid = f.sequence
LEFT JOIN pg_catalog.pg_class AS c ON c.oid = f.sequence
LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE a.attrelid = ANY ($1) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
