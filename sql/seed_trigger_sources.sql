-- one row: the text of the functions of the triggers that an INSERT into table $1 or one of its partitions may fire, and what the triggers call them with and when, '' without triggers; if $2, that of the functions that they call and the views that they name as well
WITH RECURSIVE sources AS (
    SELECT p.oid,
           g.tgname AS name,
           pg_catalog.concat_ws(E'\n', p.prosrc, pg_catalog.substring(pg_catalog.pg_get_triggerdef(g.oid), ' FOR EACH (?:ROW|STATEMENT)(.*)$')) AS source
    FROM pg_catalog.pg_trigger AS g
    JOIN pg_catalog.pg_proc AS p ON p.oid = g.tgfoid
    WHERE (g.tgrelid = $1 OR g.tgrelid IN (SELECT t.relid FROM pg_catalog.pg_partition_tree($1::pg_catalog.regclass) AS t))
      -- TRIGGER_TYPE_INSERT of catalog/pg_trigger.h
      AND NOT g.tgisinternal AND g.tgparentid = 0 AND g.tgtype & 4 <> 0
    UNION
    SELECT u.oid, u.name, u.source
    FROM sources AS s
    CROSS JOIN LATERAL (
        SELECT p.oid, p.proname AS name, coalesce(nullif(p.prosrc, ''), pg_catalog.pg_get_function_sqlbody(p.oid)) AS source
        FROM pg_catalog.pg_proc AS p
        JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
        WHERE l.lanname IN ('plpgsql', 'sql') AND p.pronamespace <> 'pg_catalog'::pg_catalog.regnamespace
          AND pg_catalog.strpos(pg_catalog.lower(s.source), pg_catalog.lower(p.proname) || '(') > 0
        UNION ALL
        SELECT c.oid, c.relname, pg_catalog.pg_get_viewdef(c.oid)
        FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
          AND pg_catalog.strpos(pg_catalog.lower(s.source), pg_catalog.lower(c.relname)) > 0
    ) AS u
    WHERE $2
)
SELECT coalesce(pg_catalog.string_agg(source, E'\n' ORDER BY name, oid), '') AS source
FROM sources
