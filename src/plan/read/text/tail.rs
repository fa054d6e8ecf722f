//! Lines beside the root: planning, triggers, just-in-time compilation, settings, serialization and times.

use serde_json::{Map, Value};

use super::property::{self, number, pairs};

type Keys = Map<String, Value>;

/// A line whose properties follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    Planning,
    Jit,
    Serialization,
}

impl Group {
    fn key(self) -> &'static str {
        match self {
            Self::Planning => "Planning",
            Self::Jit => "JIT",
            Self::Serialization => "Serialization",
        }
    }

    /// Whether a key belongs to the group, where the indentation does not say so.
    pub(super) fn has(self, key: &str) -> bool {
        match self {
            Self::Planning => matches!(key, "Buffers" | "I/O Timings" | "Memory"),
            Self::Jit => is_of_jit(key),
            Self::Serialization => matches!(key, "Buffers" | "I/O Timings"),
        }
    }
}

/// Whether a key stands beside the root wherever its line is.
pub(super) fn is_tail(key: &str) -> bool {
    matches!(
        key,
        "Planning"
            | "Planning Time"
            | "Planning time"
            | "Execution Time"
            | "Execution time"
            | "Total runtime"
            | "Total Runtime"
            | "JIT"
            | "Settings"
            | "Query Identifier"
            | "Serialization"
            | "Time"
    ) || key.starts_with("Trigger ")
}

/// Adds a line beside the root; `group` is the one that the line before left open.
pub(super) fn insert(top: &mut Keys, group: &mut Option<Group>, key: &str, value: &str) {
    if let Some(open) = *group
        && open.has(key)
    {
        in_group(object(top, open.key()), open, key, value);
        return;
    }
    *group = None;
    match key {
        // psql's \timing: the time of the client.
        "Time" => {}
        "Planning" | "JIT" | "Serialization" => {
            let opened = match key {
                "Planning" => Group::Planning,
                "JIT" => Group::Jit,
                _ => Group::Serialization,
            };
            *group = Some(opened);
            let keys = object(top, key);
            if opened == Group::Serialization {
                serialization(keys, value);
            }
        }
        "Planning Time" | "Planning time" => set(top, "Planning Time", milliseconds(value)),
        "Execution Time" | "Execution time" => set(top, "Execution Time", milliseconds(value)),
        "Total runtime" | "Total Runtime" => set(top, "Total Runtime", milliseconds(value)),
        "Settings" => set(top, key, settings(value)),
        _ => match key.strip_prefix("Trigger") {
            Some(name) if name.starts_with(' ') => {
                let trigger = trigger(name.trim_start(), value);
                if let Value::Array(triggers) =
                    top.entry("Triggers").or_insert_with(|| Value::Array(Vec::new()))
                {
                    triggers.push(trigger.into());
                }
            }
            _ => set(top, key, property::plain(key, value)),
        },
    }
}

/// Adds a line to the JIT block of a worker, if it belongs there.
pub(super) fn insert_jit(worker: &mut Keys, key: &str, value: &str) -> bool {
    if !is_of_jit(key) {
        return false;
    }
    in_group(object(worker, "JIT"), Group::Jit, key, value);
    true
}

/// Returns the object under a key, made when it is not there.
pub(super) fn object<'a>(keys: &'a mut Keys, key: &str) -> &'a mut Keys {
    let value = keys.entry(key).or_insert_with(|| Value::Object(Keys::new()));
    if !value.is_object() {
        *value = Value::Object(Keys::new());
    }
    match value {
        Value::Object(keys) => keys,
        _ => unreachable!("made an object above"),
    }
}

fn set(keys: &mut Keys, key: &str, value: impl Into<Value>) {
    keys.insert(key.to_owned(), value.into());
}

fn is_of_jit(key: &str) -> bool {
    // PostgreSQL 11 has a line for each time and option.
    matches!(
        key,
        "Functions"
            | "Options"
            | "Timing"
            | "Generation Time"
            | "Inlining"
            | "Inlining Time"
            | "Optimization"
            | "Optimization Time"
            | "Emission Time"
    )
}

fn in_group(keys: &mut Keys, group: Group, key: &str, value: &str) {
    let is_read = match key {
        "Buffers" => property::buffers(keys, value),
        "I/O Timings" => property::io_timings(keys, value),
        "Memory" => pairs(keys, value, &[("used", "Memory Used"), ("allocated", "Memory Allocated")]),
        "Options" if group == Group::Jit => {
            set(keys, key, options(value));
            true
        }
        "Timing" if group == Group::Jit => {
            set(keys, key, timing(value));
            true
        }
        _ => false,
    };
    if !is_read {
        set(keys, key, property::plain(key, value));
    }
}

fn milliseconds(text: &str) -> Value {
    number(text.split_whitespace().next().unwrap_or_default())
}

/// Reads `Inlining false, Optimization false, Expressions true, Deforming true`.
fn options(text: &str) -> Keys {
    let pairs = text.split(',').filter_map(|option| option.trim().rsplit_once(' '));
    pairs.map(|(name, value)| (name.to_owned(), property::plain(name, value))).collect()
}

/// Reads `Generation 0.492 ms (Deform 0.134 ms), Inlining 0.000 ms, …, Total 4.442 ms`; Deform is new in 17.
fn timing(text: &str) -> Keys {
    let time = |text: &str| {
        let (name, time) = text.trim().split_once(' ')?;
        Some((name.to_owned(), milliseconds(time)))
    };
    let parts = text.split(',').filter_map(|part| {
        let Some((whole, deform)) = part.split_once('(') else { return time(part) };
        let (name, total) = time(whole)?;
        let (deform, of_it) = time(deform)?;
        Some((name, Keys::from_iter([(deform, of_it), ("Total".to_owned(), total)]).into()))
    });
    parts.collect()
}

/// Reads `time=0.006 ms  output=1kB  format=text`.
fn serialization(keys: &mut Keys, text: &str) {
    let words = text.split_whitespace().filter_map(|word| word.split_once('='));
    for (name, value) in words {
        match name {
            "time" => set(keys, "Time", number(value)),
            "output" => set(keys, "Output Volume", number(value.trim_end_matches("kB"))),
            "format" => set(keys, "Format", value),
            _ => set(keys, name, value),
        }
    }
}

/// Reads `name for constraint c on t`, of which any part may lack, and `time=0.1 calls=2`.
///
/// Names are printed without quotes: a ` on ` in one cannot be told from the word.
fn trigger(head: &str, value: &str) -> Keys {
    let mut trigger = Keys::new();
    let (name, of) = match head.strip_prefix("for constraint ") {
        Some(of) => ("", Some(of)),
        None => match head.split_once(" for constraint ") {
            Some((name, of)) => (name, Some(of)),
            None => (head, None),
        },
    };
    let (last, relation) = match of.unwrap_or(name).rsplit_once(" on ") {
        Some((last, relation)) => (last, Some(relation)),
        None => (of.unwrap_or(name), None),
    };
    match of {
        Some(_) => {
            if !name.is_empty() {
                set(&mut trigger, "Trigger Name", name);
            }
            set(&mut trigger, "Constraint Name", last);
        }
        None => set(&mut trigger, "Trigger Name", last),
    }
    if let Some(relation) = relation {
        set(&mut trigger, "Relation", relation);
    }
    for (name, value) in value.split_whitespace().filter_map(|word| word.split_once('=')) {
        match name {
            "time" => set(&mut trigger, "Time", number(value)),
            "calls" => set(&mut trigger, "Calls", number(value)),
            _ => set(&mut trigger, name, value),
        }
    }
    trigger
}

/// Reads `work_mem = '30MB', search_path = '"$user", public'`. Quotes in a value are not doubled: a value ends where
/// the next name follows.
fn settings(text: &str) -> Keys {
    let mut settings = Keys::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once(" = ") {
        let (value, next) = if let Some(quoted) = after.strip_prefix('\'') {
            let end = setting_end(quoted);
            (Value::from(&quoted[..end]), quoted[end..].strip_prefix('\'').unwrap_or_default())
        } else {
            let end = after.find(',').unwrap_or(after.len());
            let value = &after[..end];
            (if value == "NULL" { Value::Null } else { value.into() }, &after[end..])
        };
        set(&mut settings, name, value);
        rest = next.trim_start_matches([',', ' ']);
    }
    settings
}

/// Returns where the quote is that ends a value.
fn setting_end(quoted: &str) -> usize {
    let is_end = |at: usize| {
        let rest = &quoted[at + 1..];
        rest.is_empty() || rest.strip_prefix(", ").is_some_and(begins_setting)
    };
    quoted
        .match_indices('\'')
        .map(|(at, _)| at)
        .find(|at| is_end(*at))
        .unwrap_or_else(|| quoted.strip_suffix('\'').map_or(quoted.len(), str::len))
}

/// Whether a text begins with `name = `.
fn begins_setting(text: &str) -> bool {
    /// Names are identifiers with a dot at the most: twice NAMEDATALEN.
    const LONGEST_NAME: usize = 128;

    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
    let end = text.bytes().take(LONGEST_NAME).position(|byte| !is_of_name(byte));
    end.is_some_and(|end| end > 0 && text[end..].starts_with(" = "))
}

#[cfg(test)]
mod tests {
    use super::super::lines::property;
    use super::*;

    #[test]
    fn reads_settings() {
        for (text, expected) in [
            ("work_mem = '30MB', jit = 'off'", r#"{"work_mem":"30MB","jit":"off"}"#),
            (
                r#"search_path = '"$user", public', jit = 'off'"#,
                r#"{"search_path":"\"$user\", public","jit":"off"}"#,
            ),
            ("a.b = 'it's, x', c = NULL", r#"{"a.b":"it's, x","c":null}"#),
            ("work_mem = '30", r#"{"work_mem":"30"}"#),
        ] {
            assert_eq!(Value::Object(settings(text)).to_string(), expected);
        }
    }

    #[test]
    fn reads_triggers() {
        for (line, expected) in [
            ("Trigger t: time=0.401 calls=1", r#"{"Trigger Name":"t","Time":0.401,"Calls":1}"#),
            ("Trigger for constraint c on r: calls=2", r#"{"Constraint Name":"c","Relation":"r","Calls":2}"#),
            (
                "Trigger RI_x for constraint a: b on r: time=N calls=2",
                r#"{"Trigger Name":"RI_x","Constraint Name":"a: b","Relation":"r","Time":"N","Calls":2}"#,
            ),
        ] {
            let (key, value) = property(line).unwrap();
            let mut top = Keys::new();
            insert(&mut top, &mut None, key, value);
            assert_eq!(top["Triggers"][0].to_string(), expected);
        }
    }
}
