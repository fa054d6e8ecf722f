//! Finds or makes the replacement of each name, and remembers it in the key.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::key::{Key, Kind, is_word_character};
use super::vocabulary::{is_builtin, is_builtin_schema, is_foreign_key_trigger, is_made_up_alias, numbered};

/// The key while one plan is renamed.
pub(super) struct Names<'a> {
    key: &'a mut Key,
    /// The words of the plan and the key, in lower case: no new replacement is one of them.
    taken: HashSet<String>,
    /// The highest number tried.
    last: BTreeMap<Kind, usize>,
    /// What stands before columns in this plan: aliases, and what is scanned without one.
    qualifiers: HashMap<String, String>,
}

impl<'a> Names<'a> {
    pub(super) fn new(key: &'a mut Key) -> Self {
        let mut names =
            Self { key, taken: HashSet::new(), last: BTreeMap::new(), qualifiers: HashMap::new() };
        let originals: Vec<String> = names.key.names().map(str::to_owned).collect();
        for original in &originals {
            names.take(original);
        }
        names
    }

    /// Keeps the words of a text from becoming replacements.
    pub(super) fn take(&mut self, text: &str) {
        let words = text.split(|character| !is_word_character(character)).filter(|word| !word.is_empty());
        self.taken.extend(words.map(str::to_lowercase));
    }

    /// Returns the replacement of a name.
    ///
    /// The partitions `events_1`, `events_2`, … become `t1_1`, `t1_2`, …
    pub(super) fn of(&mut self, kind: Kind, original: &str) -> String {
        if is_own(kind, original) {
            return original.to_owned();
        }
        if let Some(replacement) = self.key.replacement(kind, original) {
            return replacement.to_owned();
        }
        if kind == Kind::Table
            && let Some((base, number)) = numbered(original)
        {
            let base = match self.key.replacement(kind, base) {
                Some(replacement) => replacement.to_owned(),
                None => self.new_replacement(kind, base),
            };
            if let Some(replacement) = self.insert(kind, original, format!("{base}_{number}")) {
                return replacement;
            }
        }
        self.new_replacement(kind, original)
    }

    fn new_replacement(&mut self, kind: Kind, original: &str) -> String {
        loop {
            let last = self.last.entry(kind).or_default();
            *last += 1;
            let replacement = format!("{}{last}", kind.letter());
            if let Some(replacement) = self.insert(kind, original, replacement) {
                return replacement;
            }
        }
    }

    /// Adds a replacement to the key, if it is free.
    fn insert(&mut self, kind: Kind, original: &str, replacement: String) -> Option<String> {
        let is_free = !self.taken.contains(&replacement.to_lowercase());
        (is_free && self.key.insert(kind, original, &replacement)).then_some(replacement)
    }

    /// Returns the replacement of a word of SQL. Where letter case has no meaning, `Users` becomes `T1` if `users`
    /// is `t1`, so that both can be restored as they were.
    pub(super) fn of_word(&mut self, kind: Kind, name: &str, is_quoted: bool) -> String {
        let folded = name.to_lowercase();
        if is_quoted || folded == name || self.key.replacement(kind, name).is_some() {
            return self.of(kind, name);
        }
        let upper = self.of(kind, &folded).to_uppercase();
        self.insert(kind, name, upper).unwrap_or_else(|| self.of(kind, name))
    }

    /// Returns the replacement of a function; one of PostgreSQL's own keeps its name.
    pub(super) fn of_function(&mut self, name: &str, schema: Option<&str>) -> String {
        if schema.is_none_or(|schema| schema == "pg_catalog") && is_builtin(name) {
            return name.to_owned();
        }
        self.of(Kind::Function, name)
    }

    /// Returns the replacement of an alias; `scanned` is the name of what it stands for, before and after.
    ///
    /// An alias that is the scanned name, maybe with the number that EXPLAIN gives to the second scan of a table, is
    /// still so afterwards.
    pub(super) fn of_alias(&mut self, alias: &str, scanned: Option<(&str, &str)>) -> String {
        let replacement = match scanned {
            Some((name, replacement)) if name == alias => replacement.to_owned(),
            _ => self.numbered_alias(alias, scanned).unwrap_or_else(|| self.of(Kind::Alias, alias)),
        };
        self.qualifiers.insert(alias.to_owned(), replacement.clone());
        replacement
    }

    fn numbered_alias(&mut self, alias: &str, scanned: Option<(&str, &str)>) -> Option<String> {
        let (base, number) = numbered(alias)?;
        if is_own(Kind::Alias, alias) || self.key.replacement(Kind::Alias, alias).is_some() {
            return None;
        }
        let base = match (self.key.numbered_alias(base), scanned) {
            (Some(replacement), _) => replacement.to_owned(),
            (None, Some((name, replacement))) if name == base => replacement.to_owned(),
            // Partitions are numbered after the alias of their parent, which may be nowhere in the plan.
            _ => self.of_qualifier(base, true),
        };
        self.insert(Kind::Alias, alias, format!("{base}_{number}"))
    }

    /// Says that columns may stand behind this name where it has no alias.
    pub(super) fn add_scanned(&mut self, name: &str, replacement: &str) {
        self.qualifiers.entry(name.to_owned()).or_insert_with(|| replacement.to_owned());
    }

    /// Returns the replacement of what stands before a column's dot.
    pub(super) fn of_qualifier(&mut self, name: &str, is_quoted: bool) -> String {
        if let Some(replacement) = self.qualifiers.get(name) {
            return replacement.clone();
        }
        let folded = if is_quoted { name.to_owned() } else { name.to_lowercase() };
        let known = [Kind::Alias, Kind::Table, Kind::Cte, Kind::Function];
        self.of_word(self.known(&known, &folded).unwrap_or(Kind::Alias), name, is_quoted)
    }

    /// Returns the first of these kinds that has a name like this.
    pub(super) fn known(&self, kinds: &[Kind], name: &str) -> Option<Kind> {
        kinds.iter().copied().find(|kind| self.key.replacement(*kind, name).is_some())
    }

    /// Whether columns may stand behind this name in this plan.
    pub(super) fn is_qualifier(&self, name: &str) -> bool {
        self.qualifiers.contains_key(name)
    }
}

/// Whether PostgreSQL gave this name itself.
fn is_own(kind: Kind, name: &str) -> bool {
    match kind {
        Kind::Schema => is_builtin_schema(name) || name == "$user",
        Kind::Alias => is_made_up_alias(name),
        Kind::Trigger => is_foreign_key_trigger(name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_free_names_in_order() {
        let mut key = Key::default();
        let mut names = Names::new(&mut key);
        names.take("T1.c1, t3");
        assert_eq!(names.of(Kind::Table, "users"), "t2");
        assert_eq!(names.of(Kind::Table, "t1"), "t4");
        assert_eq!(names.of(Kind::Table, "users"), "t2");
        assert_eq!(names.of(Kind::Column, "users"), "c2");
        assert_eq!(names.of(Kind::Table, "events_12"), "t5_12");
        assert_eq!(names.of(Kind::Table, "events"), "t5");
        assert_eq!(names.of(Kind::Table, "events_2024"), "t6");
    }

    #[test]
    fn keeps_letter_case_apart() {
        let mut key = Key::default();
        let mut names = Names::new(&mut key);
        assert_eq!(names.of_word(Kind::Table, "Users", false), "T1");
        assert_eq!(names.of_word(Kind::Table, "users", false), "t1");
        assert_eq!(names.of_word(Kind::Table, "USERS", false), "t2");
        assert_eq!(names.of_word(Kind::Table, "Orders", true), "t3");
    }

    #[test]
    fn aliases_follow_what_they_stand_for() {
        let mut key = Key::default();
        let mut names = Names::new(&mut key);
        for (alias, scanned, expected) in [
            ("users", Some(("users", "t1")), "t1"),
            ("users_1", Some(("users", "t1")), "t1_1"),
            ("u", Some(("users", "t1")), "a1"),
            ("parent_1", Some(("child_a", "t2")), "a2_1"),
            ("parent_2", Some(("child_b", "t3")), "a2_2"),
            ("*VALUES*_1", None, "*VALUES*_1"),
            ("y_2024", None, "a3"),
        ] {
            assert_eq!(names.of_alias(alias, scanned), expected, "{alias}");
        }
        assert_eq!(names.of_qualifier("users_1", false), "t1_1");
        // In a later plan, with what the same names are for now.
        let mut names = Names::new(&mut key);
        for (alias, scanned, expected) in [
            ("users", Some(("people", "t4")), "a4"),
            ("users_2", Some(("people", "t4")), "t1_2"),
            ("parent_3", Some(("parent", "t5")), "a2_3"),
        ] {
            assert_eq!(names.of_alias(alias, scanned), expected, "{alias}");
        }
    }
}
