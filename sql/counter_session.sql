-- one row: the schemas in which this session looks tables up, and the role that it acts as
SELECT pg_catalog.current_schemas(false)::pg_catalog.text[] AS schemas, current_user::pg_catalog.text AS role
