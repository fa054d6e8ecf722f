-- no row: creates the schema of perfkit's journal
CREATE SCHEMA IF NOT EXISTS perfkit
