-- one row: system_identifier, which a server shares with its standbys only
SELECT c.system_identifier FROM pg_catalog.pg_control_system() AS c
