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
    BLOCKERS = "blockers",
    CHANGE_BUILDERS = "change_builders",
    CHANGE_INDEXES = "change_indexes",
    CHANGE_NAMES = "change_names",
    CHANGE_TABLES = "change_tables",
    DATA_DIRECTORY = "data_directory",
    IS_LEFTOVER = "is_leftover",
    LOAD = "load",
    RESOLVE_RELATIONS = "resolve_relations",
    SESSION_AT_WORK = "session_at_work",
    TAKES_WRITES = "takes_writes",
    CATALOG_COLUMNS = "catalog_columns",
    CATALOG_COMBINATIONS = "catalog_combinations",
    CATALOG_CONSTRAINTS = "catalog_constraints",
    CATALOG_OBJECTS = "catalog_objects",
    CATALOG_EXTENSIONS = "catalog_extensions",
    CATALOG_EXTENDED_EXPRESSIONS = "catalog_extended_expressions",
    CATALOG_EXTENDED_STATISTICS = "catalog_extended_statistics",
    CATALOG_INDEX_DEFINITIONS = "catalog_index_definitions",
    CATALOG_INDEXES = "catalog_indexes",
    CATALOG_SEQUENCES = "catalog_sequences",
    CATALOG_OPCLASSES = "catalog_opclasses",
    CATALOG_COLLATIONS = "catalog_collations",
    CATALOG_POLICIES = "catalog_policies",
    CATALOG_RANGE_STATISTICS = "catalog_range_statistics",
    CATALOG_TABLES = "catalog_tables",
    CATALOG_TABLESPACES = "catalog_tablespaces",
    CATALOG_STATISTICS = "catalog_statistics",
    CATALOG_STATISTICS_PG17 = "catalog_statistics_pg17",
    CHEAP_PLANNING = "cheap_planning",
    COPIED_COLUMNS = "copied_columns",
    COLUMN_NUMBERS = "column_numbers",
    COUNTED = "counted",
    COUNTER_COLUMNS = "counter_columns",
    COUNTER_CONSTRAINTS = "counter_constraints",
    COUNTER_FUNCTIONS = "counter_functions",
    COUNTER_INDEXES = "counter_indexes",
    COUNTER_NAMES = "counter_names",
    COUNTER_PROBE = "counter_probe",
    COUNTER_SESSION = "counter_session",
    COUNTER_TABLES = "counter_tables",
    COUNTER_TRIGGERS = "counter_triggers",
    MAY_CREATE_TEMPORARY = "may_create_temporary",
    TYPE_NAME = "type_name",
    CURRENT_SETTING = "current_setting",
    DATABASE_AGE = "database_age",
    DATABASE_EXISTS = "database_exists",
    DATABASE_LOCALE = "database_locale",
    DATABASE_NAME = "database_name",
    EXPORT_SNAPSHOT = "export_snapshot",
    EXTENSION_EXISTS = "extension_exists",
    HYPOPG = "hypopg",
    FORGET_STATISTICS = "forget_statistics",
    INDEX_BUILD_PROGRESS = "index_build_progress",
    INDEX_DENSITY = "index_density",
    INDEX_COLUMNS = "index_columns",
    INDEX_STORAGE = "index_storage",
    INDEX_TREE = "index_tree",
    INDEX_USAGE = "index_usage",
    INDEX_USAGE_PG16 = "index_usage_pg16",
    INSERT_STATISTICS = "insert_statistics",
    MAY_CALL = "may_call",
    MAY_READ_STATISTICS = "may_read_statistics",
    MULTIVARIATE_LIST = "multivariate_list",
    PLANNER_SETTINGS = "planner_settings",
    PLAIN_TABLE = "plain_table",
    RELATION_OID = "relation_oid",
    RESTORE_RELATIONS = "restore_relations",
    RUNNING_BUILDS = "running_builds",
    RUNNING_STATEMENTS = "running_statements",
    RESTORE_STATISTICS_PG18 = "restore_statistics_pg18",
    SEARCH_PATH = "search_path",
    SEED_CLONE_FLUSH = "seed_clone_flush",
    SEED_CLONE_INDEXES = "seed_clone_indexes",
    SEED_CLONE_SIZES = "seed_clone_sizes",
    SEED_CLONE_TABLES = "seed_clone_tables",
    SEED_CLONE_TRIGGERS = "seed_clone_triggers",
    SEED_COLUMNS = "seed_columns",
    SEED_CONSTRAINTS = "seed_constraints",
    SEED_IS_PARTITION = "seed_is_partition",
    SEED_KEYS = "seed_keys",
    SEED_LOCK = "seed_lock",
    SEED_TABLES = "seed_tables",
    SEED_TRIGGERS = "seed_triggers",
    SEED_TYPES = "seed_types",
    SEED_BASE_TYPES = "seed_base_types",
    SEED_BURDENS = "seed_burdens",
    SEED_BUILD_MEMORY = "seed_build_memory",
    SEED_CHUNK_DELETE = "seed_chunk_delete",
    SEED_CHUNK_LOCK = "seed_chunk_lock",
    SEED_CHUNK_INSERT = "seed_chunk_insert",
    SEED_CHUNK_TABLE = "seed_chunk_table",
    SEED_CHUNKS = "seed_chunks",
    SEED_DROPPABLE_INDEXES = "seed_droppable_indexes",
    SEED_DURABLE = "seed_durable",
    SEED_FOREIGN_KEYS = "seed_foreign_keys",
    SEED_FUNCTIONS = "seed_functions",
    SEED_HIDDEN_PAGES = "seed_hidden_pages",
    SEED_LOCK_SESSION = "seed_lock_session",
    SEED_LOCKED = "seed_locked",
    SEED_MANIFEST_EXISTS = "seed_manifest_exists",
    SEED_PATCH_INSERT = "seed_patch_insert",
    SEED_PATCH_TABLE = "seed_patch_table",
    SEED_PATCHES = "seed_patches",
    SEED_REFERENCES = "seed_references",
    SEED_RUN_INDEXES = "seed_run_indexes",
    SEED_RUN_INSERT = "seed_run_insert",
    SEED_RUN_READ = "seed_run_read",
    SEED_RUN_STATE = "seed_run_state",
    SEED_RUN_TABLE = "seed_run_table",
    SEED_RUNS = "seed_runs",
    SEED_SEQUENCE_SET = "seed_sequence_set",
    SEED_SEQUENCE_VALUE = "seed_sequence_value",
    SEED_SHAPE = "seed_shape",
    SEED_SIZES = "seed_sizes",
    SEED_SIDE_EFFECTS = "seed_side_effects",
    SEED_TABLE_KINDS = "seed_table_kinds",
    SEED_TRIGGER_SOURCES = "seed_trigger_sources",
    SEED_UNLOGGED = "seed_unlogged",
    SEED_UNIQUE_KEYS = "seed_unique_keys",
    SEES_ACTIVITY = "sees_activity",
    SEQUENCE_VALUES = "sequence_values",
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
    SYSTEM_IDENTIFIER = "system_identifier",
    TABLE_ACTIVITY = "table_activity",
    TRIAL_INDEXES = "trial_indexes",
    VOLATILE_FUNCTIONS = "volatile_functions",
    DATABASE_IDENTITY = "database_identity",
    INDEX_COUNTERS = "index_counters",
    INDEX_RECORD = "index_record",
    INDEX_TABLES = "index_tables",
    JOURNAL_APPEND = "journal_append",
    JOURNAL_ENTRIES = "journal_entries",
    JOURNAL_EXISTS = "journal_exists",
    JOURNAL_SCHEMA = "journal_schema",
    JOURNAL_TABLE = "journal_table",
    OWN_SESSION = "own_session",
    SEARCH_PATH_OF_CATALOG = "search_path_of_catalog",
    SESSION_IS_ALIVE = "session_is_alive",
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
