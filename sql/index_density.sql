-- one row: what pgstattuple finds in the pages of btree $1 (oid); it reads all of them
SELECT s.internal_pages, s.leaf_pages, s.empty_pages, s.deleted_pages, s.avg_leaf_density
FROM pgstatindex($1::pg_catalog.oid::pg_catalog.regclass) AS s
