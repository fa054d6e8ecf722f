-- one row a table that people name by $1, along the path $2; a table of schema $3 and name $4 (in parallel); one that has a trigger of
-- the functions $5; one that may be made for these; and each below them: what counters have to know of it
WITH RECURSIVE named (oid, schema) AS (
    SELECT c.oid, c.relnamespace
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S', 'c')
      AND (
          c.relname::pg_catalog.text = ANY ($1::pg_catalog.text[]) AND n.nspname::pg_catalog.text = ANY ($2::pg_catalog.text[])
          OR n.nspname::pg_catalog.text || '.' || c.relname::pg_catalog.text = ANY ($1::pg_catalog.text[])
      )
),
tree (oid) AS (
    SELECT named.oid FROM named
    UNION
    SELECT c.oid
    FROM ROWS FROM (
        pg_catalog.unnest($3::pg_catalog.text[]), pg_catalog.unnest($4::pg_catalog.text[])
    ) AS of_site (schema, name)
    JOIN pg_catalog.pg_namespace AS n ON n.nspname = of_site.schema
    JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = of_site.name
    UNION
    SELECT t.tgrelid FROM pg_catalog.pg_trigger AS t WHERE t.tgfoid = ANY ($5::pg_catalog.oid[])
    UNION
    SELECT c.oid
    FROM pg_catalog.pg_class AS c
    WHERE c.relnamespace IN (SELECT named.schema FROM named)
      AND c.relkind IN ('r', 'p', 'f', 'v', 'm')
      AND (c.relname LIKE '%\_pending' OR c.relname LIKE '%\_counts')
    UNION
    SELECT i.inhrelid
    FROM tree AS t
    JOIN pg_catalog.pg_inherits AS i ON i.inhparent = t.oid
    JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid AND c.relkind IN ('r', 'p', 'f')
)
SELECT c.oid,
       n.nspname AS schema,
       c.relname AS name,
       CASE
           WHEN n.nspname IN ('pg_catalog', 'information_schema', 'pg_toast') OR EXISTS (
               SELECT FROM pg_catalog.pg_depend AS d
               WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e'
           ) THEN 'system'
           WHEN c.relpersistence = 't' THEN 'temporary'
           ELSE c.relkind::pg_catalog.text
       END AS kind,
       pg_catalog.obj_description(c.oid, 'pg_class') AS comment,
       ARRAY(
           SELECT i.inhparent FROM pg_catalog.pg_inherits AS i
           WHERE i.inhrelid = c.oid AND NOT i.inhdetachpending
           ORDER BY i.inhseqno
       ) AS parents,
       owner.rolname AS owner,
       pg_catalog.pg_has_role(c.relowner, 'USAGE') AS is_owned,
       pg_catalog.has_schema_privilege(n.oid, 'CREATE') AS may_create_in_schema,
       c.relrowsecurity AND (
           pg_catalog.row_security_active(c.oid)
           OR c.relforcerowsecurity AND NOT owner.rolsuper AND NOT owner.rolbypassrls
       ) AS hides_rows,
       EXISTS (SELECT FROM pg_catalog.pg_subscription_rel AS s WHERE s.srrelid = c.oid) AS is_subscribed
FROM tree AS t
JOIN pg_catalog.pg_class AS c ON c.oid = t.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_roles AS owner ON owner.oid = c.relowner
ORDER BY c.oid
