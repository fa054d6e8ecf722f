-- one row an enforced CHECK or foreign key of the tables $1, which have their partitions and themselves beside them in $2
SELECT t.root AS table,
       t.member,
       con.conname AS name,
       con.contype = 'f' AS is_foreign_key,
       -- without NOT VALID: new rows are checked all the same
       CASE WHEN con.contype = 'c' THEN pg_catalog.format('CHECK (%s)', pg_catalog.pg_get_expr(con.conbin, con.conrelid)) END
           AS definition,
       con.confrelid AS parent,
       ARRAY(
           SELECT a.attname::pg_catalog.text
           FROM pg_catalog.unnest(con.conkey) WITH ORDINALITY AS k (attnum, n)
           JOIN pg_catalog.pg_attribute AS a ON a.attrelid = con.conrelid AND a.attnum = k.attnum
           ORDER BY k.n
       ) AS columns,
       ARRAY(
           SELECT a.attname::pg_catalog.text
           FROM pg_catalog.unnest(con.confkey) WITH ORDINALITY AS k (attnum, n)
           JOIN pg_catalog.pg_attribute AS a ON a.attrelid = con.confrelid AND a.attnum = k.attnum
           ORDER BY k.n
       ) AS parent_columns,
       con.confmatchtype = 'f' AS is_match_full,
       con.condeferrable AS is_deferrable
FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]), pg_catalog.unnest($2::pg_catalog.oid[])) AS t (root, member)
JOIN pg_catalog.pg_constraint AS con ON con.conrelid = t.member
WHERE con.contype IN ('c', 'f') AND con.conparentid = 0
  -- what a partition has of its own
  AND (t.member = t.root OR con.coninhcount = 0)
  -- the column is there since PostgreSQL 18
  AND coalesce((pg_catalog.to_jsonb(con) ->> 'conenforced')::pg_catalog.bool, true)
ORDER BY t.root, t.member <> t.root, con.conname, t.member
