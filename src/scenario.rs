//! The built-in scenarios: schema, workload and seed of a real system, as the files in `fixtures/`.

/// A scenario's two files.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// Tables, foreign keys and the indexes that its team started from.
    pub(crate) schema_sql: &'static str,
    /// A perfkit.yaml with workload, bench and seed.
    pub(crate) config_yaml: &'static str,
}

/// Every built-in scenario; the first is the default.
pub(crate) const SCENARIOS: [Scenario; 3] = [
    Scenario {
        name: "bedtime",
        schema_sql: include_str!("../fixtures/bedtime/schema.sql"),
        config_yaml: include_str!("../fixtures/bedtime/perfkit.yaml"),
    },
    Scenario {
        name: "leads",
        schema_sql: include_str!("../fixtures/leads/schema.sql"),
        config_yaml: include_str!("../fixtures/leads/perfkit.yaml"),
    },
    Scenario {
        name: "notes",
        schema_sql: include_str!("../fixtures/notes/schema.sql"),
        config_yaml: include_str!("../fixtures/notes/perfkit.yaml"),
    },
];

/// Returns the scenario of this name, or a message that lists the names.
pub(crate) fn find(name: &str) -> Result<&'static Scenario, String> {
    SCENARIOS.iter().find(|scenario| scenario.name == name).ok_or_else(|| {
        let names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        format!("unknown scenario {name:?}; known: {}", names.join(", "))
    })
}
