-- one row: snapshot, with which another session sees what this transaction sees
SELECT pg_catalog.pg_export_snapshot() AS snapshot
