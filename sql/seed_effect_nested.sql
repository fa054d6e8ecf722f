-- no row: the manifest's table of effects tells the subtransactions of triggers
ALTER TABLE perfkit.seed_effect ADD COLUMN IF NOT EXISTS nested pg_catalog.xid[] NOT NULL DEFAULT '{}'
