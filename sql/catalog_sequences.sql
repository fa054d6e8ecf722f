-- one row a sequence and column that it feeds: as the column's own sequence, or through its default
WITH RECURSIVE base AS (
    SELECT t.oid AS type, b.oid AS base_type
    FROM pg_catalog.pg_type AS t
    JOIN pg_catalog.pg_type AS b ON b.oid = t.typbasetype AND b.typtype <> 'd'
    WHERE t.typtype = 'd'
    UNION ALL
    SELECT t.oid, b.base_type
    FROM base AS b
    JOIN pg_catalog.pg_type AS t ON t.typbasetype = b.type AND t.typtype = 'd'
), feeds AS (
    SELECT d.objid AS sequence, d.refobjid AS table, d.refobjsubid AS attnum
    FROM pg_catalog.pg_sequence AS s
    JOIN pg_catalog.pg_depend AS d ON d.objid = s.seqrelid
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
      AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    UNION
    SELECT d.refobjid, ad.adrelid, ad.adnum
    FROM pg_catalog.pg_sequence AS s
    JOIN pg_catalog.pg_depend AS d ON d.refobjid = s.seqrelid
    JOIN pg_catalog.pg_attrdef AS ad ON ad.oid = d.objid
    WHERE d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
      AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
)
SELECT c.oid,
       n.nspname AS schema,
       c.relname AS name,
       tn.nspname AS table_schema,
       tc.relname AS table,
       a.attname AS column,
       t.typname AS column_type,
       s.seqmin AS min_value,
       s.seqmax AS max_value,
       s.seqincrement AS increment,
       s.seqcycle AS cycles,
       s.seqstart AS start_value,
       pg_catalog.has_sequence_privilege(c.oid, 'USAGE, SELECT') AS may_read,
       -- a standby has no unlogged ones
       c.relpersistence = 'p' OR NOT pg_catalog.pg_is_in_recovery() AS is_here
FROM pg_catalog.pg_sequence AS s
JOIN pg_catalog.pg_class AS c ON c.oid = s.seqrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN feeds AS f ON f.sequence = c.oid
LEFT JOIN pg_catalog.pg_class AS tc ON tc.oid = f.table
LEFT JOIN pg_catalog.pg_namespace AS tn ON tn.oid = tc.relnamespace
LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = f.table AND a.attnum = f.attnum
LEFT JOIN base AS b ON b.type = a.atttypid
LEFT JOIN pg_catalog.pg_type AS t ON t.oid = coalesce(b.base_type, a.atttypid)
WHERE c.relpersistence <> 't'
  AND NOT EXISTS (
      SELECT 1 FROM pg_catalog.pg_depend AS x
      WHERE x.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND x.objid = c.oid AND x.deptype = 'e'
        AND x.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
  )
ORDER BY n.nspname, c.relname, tn.nspname, tc.relname, a.attnum
