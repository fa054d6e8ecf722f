-- changes a shadow's pg_index: of the indexes $1, the planner sees exactly those in $2
UPDATE pg_catalog.pg_index SET indisvalid = indexrelid = ANY ($2)
WHERE indexrelid = ANY ($1) AND indisvalid <> (indexrelid = ANY ($2))
