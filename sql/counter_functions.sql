-- one row a function without parameters that is perfkit's by its first line, or has a name of one of those: oid, schema, name, body, is_security_definer, config
SELECT p.oid,
       n.nspname AS schema,
       p.proname AS name,
       p.prosrc AS body,
       p.prosecdef AS is_security_definer,
       coalesce(p.proconfig, '{}') AS config
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
WHERE p.pronargs = 0
  AND (
      pg_catalog.starts_with(p.proname::pg_catalog.text, 'perfkit_count_')
      OR p.prorettype = 'trigger'::pg_catalog.regtype
         AND pg_catalog.starts_with(pg_catalog.ltrim(p.prosrc, E' \t\r\n'), '/* perfkit counter ')
  )
ORDER BY n.nspname, p.proname
