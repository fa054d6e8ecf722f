-- one row what makes a table's row security apply to its owner, too, as it applies to this role: kind, name, ddl
WITH secured AS (
    SELECT c.oid, n.nspname, c.relname
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relrowsecurity AND pg_catalog.row_security_active(c.oid)
)
SELECT 'row security' AS kind,
       s.relname::pg_catalog.text AS name,
       pg_catalog.format(
           'ALTER TABLE %I.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', s.nspname, s.relname
       ) AS ddl
FROM secured AS s
UNION ALL
SELECT 'policy',
       p.polname::pg_catalog.text,
       pg_catalog.format(
           'CREATE POLICY %I ON %I.%I AS %s FOR %s', p.polname, s.nspname, s.relname,
           CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
           CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE'
                         ELSE 'ALL' END
       )
       || coalesce(' USING (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')', '')
       || coalesce(' WITH CHECK (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')', '')
FROM secured AS s
JOIN pg_catalog.pg_policy AS p ON p.polrelid = s.oid
WHERE p.polroles = '{0}'
   OR EXISTS (
       SELECT 1 FROM pg_catalog.unnest(p.polroles) AS r (oid) WHERE pg_catalog.pg_has_role(r.oid, 'USAGE')
   )
ORDER BY kind DESC, name, ddl
