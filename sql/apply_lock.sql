-- one row: whether this session now holds perfkit's lock on changing what $1 names in this database
SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtext('perfkit'), pg_catalog.hashtext($1)) AS locked
