-- one row a key of tables $2 in schemas $1 (in parallel): its table's place in them from 1 and its columns in their order
SELECT p.place::pg_catalog.int4 AS place,
       ARRAY(
           SELECT a.attname::pg_catalog.text
           FROM pg_catalog.unnest(x.indkey::pg_catalog.int2[]) WITH ORDINALITY AS k (attnum, ordinality)
           JOIN pg_catalog.pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = k.attnum
           WHERE k.ordinality <= x.indnkeyatts
           ORDER BY k.ordinality
       ) AS columns
FROM ROWS FROM (
    pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])
) WITH ORDINALITY AS p (schema, table_name, place)
JOIN pg_catalog.pg_namespace AS n ON n.nspname = p.schema
JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = p.table_name
JOIN pg_catalog.pg_index AS x ON x.indrelid = c.oid
WHERE x.indisunique AND x.indisvalid AND x.indpred IS NULL AND x.indexprs IS NULL
ORDER BY p.place, x.indisprimary DESC, x.indnkeyatts, x.indexrelid
