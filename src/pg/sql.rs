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
    CATALOG_OBJECTS = "catalog_objects",
    CATALOG_EXTENSIONS = "catalog_extensions",
    CATALOG_EXTENDED_EXPRESSIONS = "catalog_extended_expressions",
    CATALOG_EXTENDED_STATISTICS = "catalog_extended_statistics",
    CATALOG_INDEXES = "catalog_indexes",
    CATALOG_POLICIES = "catalog_policies",
    CATALOG_RANGE_STATISTICS = "catalog_range_statistics",
    CATALOG_TABLES = "catalog_tables",
    CATALOG_TABLESPACES = "catalog_tablespaces",
    CATALOG_STATISTICS = "catalog_statistics",
    CATALOG_STATISTICS_PG17 = "catalog_statistics_pg17",
    COPIED_COLUMNS = "copied_columns",
    COLUMN_NUMBERS = "column_numbers",
    COUNTED = "counted",
    CURRENT_SETTING = "current_setting",
    DATABASE_EXISTS = "database_exists",
    DATABASE_LOCALE = "database_locale",
    EXTENSION_EXISTS = "extension_exists",
    HYPOPG = "hypopg",
    FORGET_STATISTICS = "forget_statistics",
    INDEX_BUILD_PROGRESS = "index_build_progress",
    INDEX_COLUMNS = "index_columns",
    INDEX_STATE = "index_state",
    INDEX_TREE = "index_tree",
    INSERT_STATISTICS = "insert_statistics",
    MAY_READ_STATISTICS = "may_read_statistics",
    MULTIVARIATE_LIST = "multivariate_list",
    PLANNER_SETTINGS = "planner_settings",
    PLAIN_TABLE = "plain_table",
    RELATION_OID = "relation_oid",
    RELATION_SIZES = "relation_sizes",
    RESTORE_RELATIONS = "restore_relations",
    RUNNING_STATEMENTS = "running_statements",
    RESTORE_STATISTICS_PG18 = "restore_statistics_pg18",
    SEARCH_PATH = "search_path",
    SEED_LOCK = "seed_lock",
    SERVER = "server",
    SESSION = "session",
    SETTINGS = "settings",
    SET_CONFIG = "set_config",
    SET_KNOWN = "set_known",
    SET_INDEXES_LIVE = "set_indexes_live",
    SET_INDEXES_VALID = "set_indexes_valid",
    SHADOW_RELATIONS = "shadow_relations",
    STATEMENTS_PG_STAT = "statements",
    SYNC_SEQUENCE = "sync_sequence",
    TABLE_ACTIVITY = "table_activity",
    TRIAL_INDEXES = "trial_indexes",
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
