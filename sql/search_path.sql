-- one row: schemas, the names that unqualified tables are looked up in, in order
SELECT pg_catalog.current_schemas(false)::pg_catalog.text[] AS schemas
