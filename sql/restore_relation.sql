-- changes one row of a shadow's pg_class: relation $1 has $2 pages, $3 rows, $4 all-visible pages
UPDATE pg_catalog.pg_class SET relpages = $2, reltuples = $3, relallvisible = $4 WHERE oid = $1
