-- one row a setting of the session, such as `app.user`, that triggers which an INSERT into table $1 or one of its partitions may fire ask for, or functions that they call
WITH RECURSIVE functions AS (
    SELECT p.oid, p.proname, p.prosrc
    FROM pg_catalog.pg_trigger AS g
    JOIN pg_catalog.pg_proc AS p ON p.oid = g.tgfoid
    WHERE (g.tgrelid = $1 OR g.tgrelid IN (SELECT t.relid FROM pg_catalog.pg_partition_tree($1::pg_catalog.regclass) AS t))
      -- TRIGGER_TYPE_INSERT of catalog/pg_trigger.h
      AND NOT g.tgisinternal AND g.tgparentid = 0 AND g.tgtype & 4 <> 0
    UNION
    SELECT p.oid, p.proname, p.prosrc
    FROM functions AS f
    JOIN pg_catalog.pg_proc AS p
        ON pg_catalog.strpos(pg_catalog.lower(f.prosrc), pg_catalog.lower(p.proname) || '(') > 0
    JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
    WHERE l.lanname IN ('plpgsql', 'sql') AND p.pronamespace <> 'pg_catalog'::pg_catalog.regnamespace
)
SELECT DISTINCT m.parts[2] AS setting
FROM functions AS f
CROSS JOIN LATERAL pg_catalog.regexp_matches(f.prosrc, '(\w+)\s*\(\s*''(\w+\.\w+)''', 'g') AS m (parts)
WHERE pg_catalog.lower(m.parts[1]) = 'current_setting'
   OR EXISTS (
       SELECT 1
       FROM functions AS r
       WHERE r.proname = pg_catalog.lower(m.parts[1]) AND r.prosrc ~* '\mcurrent_setting\s*\('
   )
ORDER BY setting
