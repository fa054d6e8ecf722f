//! The statements of `sql/`.

pub(crate) use crate::query::quote::{quote_identifier, quote_literal, quote_qualified};

macro_rules! statements {
    ($($name:ident = $file:literal),* $(,)?) => {
        $(pub(crate) const $name: &str = include_str!(concat!("../../sql/", $file, ".sql"));)*

        /// Every fixed statement by its file's name, for the test that prepares them on each major version.
        pub const STATEMENTS: &[(&str, &str)] = &[$(($file, $name)),*];
    };
}

statements! {
    CATALOG_COLUMNS = "catalog_columns",
    CATALOG_CONSTRAINTS = "catalog_constraints",
    CATALOG_ENUMS = "catalog_enums",
    CATALOG_EXTENSIONS = "catalog_extensions",
    CATALOG_DOMAINS = "catalog_domains",
    CATALOG_INDEXES = "catalog_indexes",
    CATALOG_TABLES = "catalog_tables",
    CATALOG_STATISTICS = "catalog_statistics",
    CATALOG_STATISTICS_PG17 = "catalog_statistics_pg17",
    COLUMN_EXTREMES = "column_extremes",
    DATABASE_EXISTS = "database_exists",
    EXTENSION_EXISTS = "extension_exists",
    INDEX_BUILD_PROGRESS = "index_build_progress",
    INDEX_STATE = "index_state",
    INSERT_STATISTICS = "insert_statistics",
    PLANNER_SETTINGS = "planner_settings",
    RELATION_FILE = "relation_file",
    RELATION_OID = "relation_oid",
    RELATION_SIZES = "relation_sizes",
    RESTORE_RELATION = "restore_relation",
    SEARCH_PATH = "search_path",
    SEED_LOCK = "seed_lock",
    SERVER = "server",
    SESSION = "session",
    SETTINGS = "settings",
    SET_CONFIG = "set_config",
    SET_KNOWN = "set_known",
    SET_INDEXES_VALID = "set_indexes_valid",
    STATEMENTS_PG_STAT = "statements",
    SYNC_SEQUENCE = "sync_sequence",
    TABLE_ACTIVITY = "table_activity",
    APPLY_LOCK = "apply_lock",
    APPLY_LOCK_HOLDER = "apply_lock_holder",
    APPLY_UNLOCK = "apply_unlock",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_says_what_it_returns() {
        for (name, text) in STATEMENTS {
            assert!(text.starts_with("-- "), "sql/{name}.sql");
        }
    }

    #[test]
    fn no_file_is_forgotten() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("sql");
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            assert!(STATEMENTS.iter().any(|(known, _)| *known == name), "sql/{name}.sql is not in pg::sql");
        }
    }
}
