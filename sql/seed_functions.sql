-- one row a function of one SQL expression that conditions may call: not STRICT, which is NULL where its expression may not be
SELECT n.nspname AS schema,
       p.proname AS name,
       -- an empty one for each parameter without a name
       coalesce(p.proargnames, pg_catalog.array_fill(''::pg_catalog.text, ARRAY[p.pronargs::pg_catalog.int4])) AS parameters,
       coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc) AS body
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
WHERE l.lanname = 'sql'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND p.prokind = 'f'
  AND NOT p.proisstrict
  AND NOT p.proretset
  AND p.provariadic = 0
  -- without OUT parameters
  AND p.proargmodes IS NULL
  -- what is longer is no expression that could be understood
  AND pg_catalog.length(p.prosrc) <= 1000
  AND coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc) ~* '^\s*(SELECT|RETURN)\s'
ORDER BY n.nspname, p.proname, p.oid
