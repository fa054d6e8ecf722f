-- one row: whether this session now holds perfkit's lock on seeding this database
SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtext('perfkit'), pg_catalog.hashtext('seed')) AS locked
