//! Zeros that TEXT leaves out, where other lines of the plan tell that they were measured.

use serde_json::{Map, Value};

use crate::plan::read::RawNode;

/// What some node of a plan shows to have been measured in all of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Measured {
    has_times: bool,
    has_buffers: bool,
    has_wal: bool,
    /// One of the keys of I/O times, which changed in PostgreSQL 17.
    io: Option<&'static str>,
}

impl Measured {
    /// Takes note of a node's first line.
    pub(super) fn see_node(&mut self, keys: &Map<String, Value>) {
        self.has_times = self.has_times || keys.contains_key("Actual Total Time");
    }

    /// Takes note of a property of a node or worker.
    pub(super) fn see(&mut self, key: &str, value: &str) {
        match key {
            "Buffers" => self.has_buffers = true,
            "WAL" => self.has_wal = true,
            "I/O Timings" => {
                // Up to 16 `read=…` or `shared/local read=…`; what has only `temp` may be of any version.
                let is_split =
                    value.starts_with("shared ") || value.contains("local ") && !value.contains('/');
                let is_old = value.contains("shared/local") || value.starts_with(['r', 'w']);
                if is_split {
                    self.io = Some("Shared I/O Read Time");
                } else if is_old || self.io.is_none() {
                    self.io = Some("I/O Read Time");
                }
            }
            _ => {}
        }
    }

    /// Adds one zero of each kind that a measured node lacks; those beside it follow from it.
    pub(super) fn complete(self, nodes: &mut [RawNode]) {
        for node in nodes {
            self.complete_one(&mut node.properties);
            if let Some(Value::Array(workers)) = node.properties.get_mut("Workers") {
                workers
                    .iter_mut()
                    .filter_map(Value::as_object_mut)
                    .for_each(|worker| self.complete_one(worker));
            }
        }
    }

    fn complete_one(self, keys: &mut Map<String, Value>) {
        if !keys.contains_key("Actual Rows") {
            return;
        }
        let mut add = |key: &str, zero: Value| {
            if !keys.contains_key(key) {
                keys.insert(key.to_owned(), zero);
            }
        };
        if self.has_times {
            // Of nodes that were never executed.
            add("Actual Startup Time", 0.0.into());
            add("Actual Total Time", 0.0.into());
        }
        if self.has_buffers {
            add("Shared Hit Blocks", 0.into());
        }
        if let Some(io) = self.io {
            add(io, 0.0.into());
        }
        if self.has_wal {
            add("WAL Records", 0.into());
        }
    }
}
