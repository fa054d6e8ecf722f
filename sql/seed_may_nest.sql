-- one row: whether functions of users may work in subtransactions, as PL/pgSQL does for blocks with EXCEPTION; of what other languages do nothing is known
SELECT EXISTS (
    SELECT 1
    FROM pg_catalog.pg_proc AS p
    JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
    JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'perfkit')
      AND CASE
          WHEN l.lanname IN ('internal', 'c', 'sql') THEN false
          WHEN l.lanname = 'plpgsql' THEN
              pg_catalog.regexp_replace(p.prosrc, '\mraise\s+exception\M', '', 'gi') ~* '\mexception\M'
          ELSE true
      END
) AS may_nest
