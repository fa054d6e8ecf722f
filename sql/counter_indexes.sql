-- one row a usable index without a predicate of the tables $1: columns up to the first expression, is_btree, and is_key, whether these are all of a unique key that holds at all times
SELECT i.indrelid AS table,
       m.amname = 'btree' AS is_btree,
       i.indisunique AND i.indimmediate AND i.indexprs IS NULL AS is_key,
       ARRAY(
           SELECT a.attname::pg_catalog.text
           FROM pg_catalog.generate_series(0, i.indnkeyatts - 1) AS k (n)
           JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k.n]
           WHERE NOT EXISTS (
               SELECT FROM pg_catalog.generate_series(0, k.n) AS before (n) WHERE i.indkey[before.n] = 0
           )
           ORDER BY k.n
       ) AS columns
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_am AS m ON m.oid = c.relam
WHERE i.indrelid = ANY ($1::pg_catalog.oid[]) AND i.indpred IS NULL AND i.indisvalid AND i.indisready AND i.indislive
ORDER BY i.indrelid, NOT i.indisprimary, i.indexrelid
