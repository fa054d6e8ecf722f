//! What is known of the server that a plan comes from, for the rules that can use it.

use std::collections::BTreeMap;

use crate::catalog::{Catalog, Table};
use crate::query::TableName;

/// A server's catalog, settings and table activity.
#[derive(Debug, Default)]
pub(crate) struct Server {
    pub(crate) catalog: Catalog,
    /// Settings by name, in base units as `pg_settings.setting` has them (`work_mem` in kB).
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) activity: Vec<TableActivity>,
}

/// What `pg_stat_user_tables` says of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TableActivity {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) n_live: u64,
    pub(crate) n_dead: u64,
    pub(crate) n_modified_since_analyze: u64,
    /// Seconds since the last ANALYZE, by hand or automatic; `None` when there was none.
    pub(crate) analyzed_s_ago: Option<f64>,
    /// Seconds since the last VACUUM, by hand or automatic; `None` when there was none.
    pub(crate) vacuumed_s_ago: Option<f64>,
}

impl Server {
    /// Finds a table as a plan names it: EXPLAIN leaves the schema out without VERBOSE.
    pub(crate) fn table(&self, schema: Option<&str>, name: &str) -> Option<&Table> {
        self.catalog.table(&TableName { schema: schema.map(str::to_owned), name: name.to_owned() })
    }

    pub(crate) fn activity(&self, table: &Table) -> Option<&TableActivity> {
        self.activity.iter().find(|activity| activity.schema == table.schema && activity.name == table.name)
    }

    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(String::as_str)
    }

    /// `work_mem` in kB.
    pub(crate) fn work_mem_kb(&self) -> Option<f64> {
        self.setting("work_mem")?.parse().ok()
    }
}
