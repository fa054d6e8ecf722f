-- one row an index of the tables $1, without its definition and expressions; with $2, sizes may be as old as ANALYZE
WITH needing AS (
    SELECT con.conindid,
           pg_catalog.bool_or(con.contype IN ('p', 'u', 'x')) AS is_constraint,
           pg_catalog.array_agg(DISTINCT con.conname::pg_catalog.text) FILTER (WHERE con.contype = 'f') AS referencing
    FROM pg_catalog.pg_constraint AS con
    WHERE con.conindid <> 0
    GROUP BY con.conindid
)
SELECT i.indexrelid AS oid,
       i.indrelid AS table,
       c.relname AS name,
       am.amname AS method,
       i.indkey::pg_catalog.int2[] AS keys,
       i.indnkeyatts AS n_keys,
       i.indoption::pg_catalog.int2[] AS flags,
       i.indclass::pg_catalog.oid[] AS classes,
       i.indcollation::pg_catalog.oid[] AS collations,
       i.indisunique AS is_unique,
       pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS predicate,
       i.indisvalid AS is_valid,
       i.indisready AND i.indislive AS is_ready,
       NOT i.indimmediate AS is_deferrable,
       -- the column is there since PostgreSQL 15; a row as JSON takes longer than all the rest
       i.indisunique AND coalesce(
           (pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct')::pg_catalog.bool, false
       ) AS nulls_not_distinct,
       i.indisreplident AS is_replica_identity,
       i.indisclustered AS is_clustered,
       h.inhparent AS parent,
       coalesce(n.is_constraint, false) AS is_constraint,
       coalesce(n.referencing, '{}') AS referencing,
       e.extname AS extension,
       coalesce(c.reloptions, '{}') AS options,
       d.description AS comment,
       c.reltuples AS n_rows,
       c.relpages AS n_pages,
       -- asking for a size opens the index and its file
       CASE WHEN $2::pg_catalog.bool AND c.relkind = 'i'
             AND coalesce(
                 pg_catalog.pg_stat_get_last_analyze_time(i.indrelid),
                 pg_catalog.pg_stat_get_last_autoanalyze_time(i.indrelid)
             ) IS NOT NULL
             -- when autovacuum would look at the table again, by its default settings
             AND pg_catalog.pg_stat_get_mod_since_analyze(i.indrelid) <= 50 + 0.1 * t.reltuples
             AND pg_catalog.pg_stat_get_dead_tuples(i.indrelid) <= 50 + 0.2 * t.reltuples
             -- nothing was counted of a build that did not finish, or of a table that was rewritten
             AND i.indisvalid AND c.relpages > 0 AND t.reltuples >= 0
            THEN c.relpages * pg_catalog.current_setting('block_size')::pg_catalog.int8
            ELSE pg_catalog.pg_relation_size(c.oid) END AS size_bytes
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
JOIN pg_catalog.pg_am AS am ON am.oid = c.relam
LEFT JOIN needing AS n ON n.conindid = i.indexrelid
LEFT JOIN pg_catalog.pg_inherits AS h ON c.relispartition AND h.inhrelid = i.indexrelid
LEFT JOIN pg_catalog.pg_depend AS x ON x.deptype = 'e' AND x.objid = i.indexrelid
    AND x.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
    AND x.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
LEFT JOIN pg_catalog.pg_extension AS e ON e.oid = x.refobjid
LEFT JOIN pg_catalog.pg_description AS d ON d.objoid = i.indexrelid AND d.objsubid = 0
    AND d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
WHERE i.indrelid = ANY ($1)
ORDER BY i.indrelid, i.indexrelid
