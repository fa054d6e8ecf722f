-- one row a transaction of run $1 and a table that its triggers have put rows into or changed rows of: the transaction and its subtransactions as `xmin` has them, the name of the table, whether it is partitioned, the numbers of rows, and whether `xmin` still tells that transaction from others: not in a restored database, nor when so many have come since that numbers repeat
SELECT e.table_oid,
       pg_catalog.xid(e.xid)::pg_catalog.text AS xid,
       e.nested::pg_catalog.text[] AS nested,
       n.nspname AS schema,
       c.relname AS name,
       c.relkind = 'p' AS is_partitioned,
       e.n_inserted,
       e.n_updated,
       e.xmin = pg_catalog.xid(e.xid)
       AND pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::pg_catalog.text::pg_catalog.numeric
           - e.xid::pg_catalog.text::pg_catalog.numeric BETWEEN 0 AND 2147483647 AS is_known
FROM perfkit.seed_effect AS e
JOIN pg_catalog.pg_class AS c ON c.oid = e.table_oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE e.run = $1
ORDER BY e.table_oid, e.xid
