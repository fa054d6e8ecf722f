-- changes a throw-away server's catalog: of the indexes $1, plans and writes see exactly those in $2
WITH switched AS (
    UPDATE pg_catalog.pg_index
    SET indisvalid = indexrelid = ANY ($2), indisready = indexrelid = ANY ($2), indislive = indexrelid = ANY ($2)
    WHERE indexrelid = ANY ($1) AND indislive <> (indexrelid = ANY ($2))
    RETURNING indrelid
)
-- Sessions read a table's list of live indexes anew only when the table's own row changes.
UPDATE pg_catalog.pg_class SET relhasindex = true WHERE oid IN (SELECT indrelid FROM switched)
