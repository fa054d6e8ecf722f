-- one row: this role, and whether it sees what sessions of other roles do and how far replicas are
SELECT current_user::pg_catalog.text AS role,
       pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') AS sees_activity
