//! Property lines of a node, as in `Sort Method: quicksort  Memory: 25kB`, to the keys of EXPLAIN's JSON format.

use serde_json::{Map, Number, Value};

use super::balance::Balance;

type Keys = Map<String, Value>;

/// Reads a number as JSON has it: `20.00` is a float, `20` an integer. What is no number stays a text, as in plans
/// whose numbers were masked.
pub(super) fn number(text: &str) -> Value {
    match text.parse::<Number>() {
        Ok(number) => Value::Number(number),
        Err(_) => Value::String(text.to_owned()),
    }
}

/// Adds a property to a node, worker or target.
pub(super) fn insert(keys: &mut Keys, key: &str, value: &str) {
    let is_read = match key {
        "Buffers" => buffers(keys, value),
        "I/O Timings" => io_timings(keys, value),
        "WAL" => wal(keys, value),
        "Sort Method" => sort_method(keys, value),
        "Buckets" => buckets(keys, value),
        "Batches" | "Planned Partitions" => hash_aggregate(keys, key, value),
        "Heap Blocks" => {
            pairs(keys, value, &[("exact", "Exact Heap Blocks"), ("lossy", "Lossy Heap Blocks")])
        }
        "Hits" => memoize(keys, value),
        "Estimates" => pairs(
            keys,
            value,
            &[
                ("capacity", "Estimated Capacity"),
                ("distinct keys", "Estimated Distinct Lookup Keys"),
                ("lookups", "Estimated Lookups"),
                ("hit percent", "Estimated Hit Percent"),
            ],
        ),
        "Tuples" => pairs(
            keys,
            value,
            &[
                ("inserted", "Tuples Inserted"),
                ("updated", "Tuples Updated"),
                ("deleted", "Tuples Deleted"),
                ("skipped", "Tuples Skipped"),
            ],
        ),
        "Storage" => storage(keys, value),
        "Full-sort Groups" | "Pre-sorted Groups" | "Presorted Groups" => sort_groups(keys, key, value),
        "Sampling" => sampling(keys, value),
        "Group Key" | "Hash Key" | "Sort Key" if is_aggregate(keys) => {
            group_key(keys, key, value);
            true
        }
        "Function Call" => {
            function_call(keys, value);
            true
        }
        _ if is_list(key) => {
            set(keys, key, list(value));
            true
        }
        _ => {
            set(keys, key, plain(key, value));
            true
        }
    };
    if !is_read {
        set(keys, key, value);
    }
}

/// The value of a property that EXPLAIN prints in one way. Only expressions and names are texts even if they look
/// like a number.
pub(super) fn plain(key: &str, value: &str) -> Value {
    let is_text =
        key.ends_with("Filter") && !key.starts_with("Rows Removed") && !key.contains(" Removed by ")
            || key.ends_with(" Cond")
            || matches!(
                key,
                "Order By" | "Cache Key" | "Run Condition" | "Window" | "Table Function Call" | "Remote SQL"
            )
            || matches!(key, "Query" | "Foreign File" | "Foreign Program" | "Repeatable Seed" | "Relations");
    if is_text {
        return value.into();
    }
    match value {
        "true" => return true.into(),
        "false" => return false.into(),
        _ => {}
    }
    if !value.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        return value.into();
    }
    let bare = match value.split_once(' ') {
        Some((number, "ms" | "kB" | "bytes" | "b")) => number,
        _ => value,
    };
    match bare.parse::<Number>() {
        Ok(number) => number.into(),
        Err(_) => value.into(),
    }
}

fn set(keys: &mut Keys, key: &str, value: impl Into<Value>) {
    keys.insert(key.to_owned(), value.into());
}

fn is_list(key: &str) -> bool {
    matches!(
        key,
        "Output"
            | "Sort Key"
            | "Presorted Key"
            | "Group Key"
            | "Params Evaluated"
            | "Conflict Arbiter Indexes"
    )
}

/// Splits a list of expressions at its commas, those in parentheses and quotes aside.
pub(super) fn list(text: &str) -> Vec<Value> {
    let (mut items, mut start, mut balance) = (Vec::new(), 0, Balance::default());
    for (at, byte) in text.bytes().enumerate() {
        if byte == b',' && !balance.is_open() {
            items.push(text[start..at].trim().into());
            start = at + 1;
        }
        balance.step(byte);
    }
    if !text.is_empty() {
        items.push(text[start..].trim().into());
    }
    items
}

/// Returns the number before a unit such as `kB` or `%`.
fn amount(text: &str) -> Value {
    number(text.trim_end_matches("kB").trim_end_matches('%'))
}

/// Returns the word after a label.
fn word_after<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    text.split_once(label)?.1.split_whitespace().next()
}

/// Sets those of `labels` that are in a line, as in `Hits: 998  Misses: 2`.
fn labelled(keys: &mut Keys, text: &str, labels: &[(&str, &str)]) {
    for (label, key) in labels {
        if let Some(word) = word_after(text, label) {
            set(keys, key, amount(word));
        }
    }
}

/// Reads `exact=3 lossy=4`, where a name may have two words.
pub(super) fn pairs(keys: &mut Keys, text: &str, names: &[(&str, &str)]) -> bool {
    let mut read = Vec::with_capacity(names.len());
    let mut before = None;
    for word in text.split_whitespace() {
        let Some((name, value)) = word.split_once('=') else {
            before = Some(word);
            continue;
        };
        let is_name = |known: &str| match before {
            Some(before) => known.strip_prefix(before).is_some_and(|rest| rest.trim_start() == name),
            None => known == name,
        };
        let Some((_, key)) = names.iter().find(|(known, _)| is_name(known)) else { return false };
        read.push((*key, amount(value)));
        before = None;
    }
    for (key, value) in read.drain(..) {
        set(keys, key, value);
    }
    true
}

/// Reads `shared hit=1 read=2, temp read=3 written=4`.
pub(super) fn buffers(keys: &mut Keys, text: &str) -> bool {
    classed(keys, text, |class, name| {
        Some(match (class, name) {
            ("shared", "hit") => "Shared Hit Blocks",
            ("shared", "read") => "Shared Read Blocks",
            ("shared", "dirtied") => "Shared Dirtied Blocks",
            ("shared", "written") => "Shared Written Blocks",
            ("local", "hit") => "Local Hit Blocks",
            ("local", "read") => "Local Read Blocks",
            ("local", "dirtied") => "Local Dirtied Blocks",
            ("local", "written") => "Local Written Blocks",
            ("temp", "read") => "Temp Read Blocks",
            ("temp", "written") => "Temp Written Blocks",
            _ => return None,
        })
    })
}

/// Reads the times of blocks: up to 14 without a class, in 15 and 16 of `shared/local` blocks, then of each class.
pub(super) fn io_timings(keys: &mut Keys, text: &str) -> bool {
    classed(keys, text, |class, name| {
        Some(match (class, name) {
            ("" | "shared/local", "read") => "I/O Read Time",
            ("" | "shared/local", "write") => "I/O Write Time",
            ("shared", "read") => "Shared I/O Read Time",
            ("shared", "write") => "Shared I/O Write Time",
            ("local", "read") => "Local I/O Read Time",
            ("local", "write") => "Local I/O Write Time",
            ("temp", "read") => "Temp I/O Read Time",
            ("temp", "write") => "Temp I/O Write Time",
            _ => return None,
        })
    })
}

/// Reads `class name=1 name=2, class name=3`.
fn classed(keys: &mut Keys, text: &str, key_of: fn(class: &str, name: &str) -> Option<&'static str>) -> bool {
    let mut class = "";
    let mut read = Vec::new();
    for word in text.split_whitespace() {
        let word = word.trim_end_matches(',');
        match word.split_once('=') {
            None => class = word,
            Some((name, value)) => match key_of(class, name) {
                Some(key) => read.push((key, number(value))),
                None => return false,
            },
        }
    }
    for (key, value) in read.drain(..) {
        set(keys, key, value);
    }
    true
}

fn wal(keys: &mut Keys, text: &str) -> bool {
    pairs(
        keys,
        text,
        &[
            ("records", "WAL Records"),
            ("fpi", "WAL FPI"),
            ("fpi bytes", "WAL FPI Bytes"),
            ("bytes", "WAL Bytes"),
            ("buffers full", "WAL Buffers Full"),
        ],
    )
}

/// Reads `external merge  Disk: 1024kB`.
fn sort_method(keys: &mut Keys, text: &str) -> bool {
    for kind in ["Memory", "Disk"] {
        if let Some((method, space)) = text.rsplit_once(kind)
            && let Some(space) = space.strip_prefix(':')
        {
            set(keys, "Sort Method", method.trim());
            set(keys, "Sort Space Used", amount(space.trim()));
            set(keys, "Sort Space Type", kind);
            return true;
        }
    }
    set(keys, "Sort Method", text.trim());
    true
}

/// Reads `262144 (originally 1024)  Batches: 2048 (originally 8)  Memory Usage: 35157kB`.
fn buckets(keys: &mut Keys, text: &str) -> bool {
    let Some((buckets, rest)) = text.split_once("Batches:") else { return false };
    let (batches, memory) = rest.split_once("Memory Usage:").unwrap_or((rest, ""));
    for (text, now, before) in [
        (buckets, "Hash Buckets", "Original Hash Buckets"),
        (batches, "Hash Batches", "Original Hash Batches"),
    ] {
        let Some(value) = text.split_whitespace().next() else { return false };
        set(keys, now, number(value));
        let original = word_after(text, "(originally ").map(|word| word.trim_end_matches(')'));
        set(keys, before, number(original.unwrap_or(value)));
    }
    if !memory.is_empty() {
        set(keys, "Peak Memory Usage", amount(memory.trim()));
    }
    true
}

/// Reads `Planned Partitions: 4  Batches: 5  Memory Usage: 100kB  Disk Usage: 200kB` from its first value on.
fn hash_aggregate(keys: &mut Keys, key: &str, text: &str) -> bool {
    let Some(first) = text.split_whitespace().next() else { return false };
    set(keys, if key == "Batches" { "HashAgg Batches" } else { key }, number(first));
    labelled(
        keys,
        text,
        &[
            ("Batches:", "HashAgg Batches"),
            ("Memory Usage:", "Peak Memory Usage"),
            ("Disk Usage:", "Disk Usage"),
        ],
    );
    true
}

fn memoize(keys: &mut Keys, text: &str) -> bool {
    let Some(first) = text.split_whitespace().next() else { return false };
    set(keys, "Cache Hits", number(first));
    labelled(
        keys,
        text,
        &[
            ("Misses:", "Cache Misses"),
            ("Evictions:", "Cache Evictions"),
            ("Overflows:", "Cache Overflows"),
            ("Memory Usage:", "Peak Memory Usage"),
        ],
    );
    true
}

fn storage(keys: &mut Keys, text: &str) -> bool {
    let Some((kind, size)) = text.split_once("Maximum Storage:") else { return false };
    set(keys, "Storage", kind.trim());
    set(keys, "Maximum Storage", amount(size.trim()));
    true
}

/// Reads `2  Sort Methods: top-N heapsort, quicksort  Average Memory: 25kB  Peak Memory: 26kB`, then the same of Disk.
fn sort_groups(keys: &mut Keys, key: &str, text: &str) -> bool {
    let Some((count, rest)) = text.split_once("Sort Method") else { return false };
    let Some((_, methods)) = rest.split_once(':') else { return false };
    let end = methods.find("Average ").unwrap_or(methods.len());
    let mut group = Keys::new();
    set(&mut group, "Group Count", number(count.trim()));
    set(&mut group, "Sort Methods Used", list(methods[..end].trim()));
    for (average, peak, space) in [
        ("Average Memory:", "Peak Memory:", "Sort Space Memory"),
        ("Average Disk:", "Peak Disk:", "Sort Space Disk"),
    ] {
        let mut used = Keys::new();
        labelled(&mut used, methods, &[(average, "Average Sort Space Used"), (peak, "Peak Sort Space Used")]);
        if !used.is_empty() {
            set(&mut group, space, used);
        }
    }
    set(keys, key, group);
    true
}

/// Reads `bernoulli ('10'::real) REPEATABLE ('1'::double precision)`.
fn sampling(keys: &mut Keys, text: &str) -> bool {
    let Some((method, rest)) = text.split_once(" (") else { return false };
    let (parameters, seed) = match rest.split_once(") REPEATABLE (") {
        Some((parameters, seed)) => (parameters, Some(seed)),
        None => (rest, None),
    };
    set(keys, "Sampling Method", method);
    set(keys, "Sampling Parameters", list(parameters.strip_suffix(')').unwrap_or(parameters)));
    if let Some(seed) = seed {
        set(keys, "Repeatable Seed", seed.strip_suffix(')').unwrap_or(seed));
    }
    true
}

/// With VERBOSE a function has its schema: a name without one is only the alias of something else.
fn function_call(keys: &mut Keys, text: &str) {
    set(keys, "Function Call", text);
    if !keys.contains_key("Schema") && keys.get("Function Name") == keys.get("Alias") {
        keys.shift_remove("Function Name");
    }
}

fn is_aggregate(keys: &Keys) -> bool {
    keys.get("Node Type").is_some_and(|kind| kind == "Aggregate")
}

/// Adds a line of grouping keys. One `Group Key` is a plain one; several, or other kinds, are grouping sets, where
/// each sort and each hash table begins a new group.
fn group_key(keys: &mut Keys, key: &str, text: &str) {
    let items = if text == "()" { Vec::new() } else { list(text) };
    let has_sets = keys.contains_key("Grouping Sets");
    if key == "Group Key" && !has_sets && !items.is_empty() && !keys.contains_key("Group Key") {
        set(keys, key, items);
        return;
    }
    if !has_sets {
        let first = keys.shift_remove("Group Key");
        let sets = first.map(|first| Value::Object(group_of("Group Keys", vec![first])));
        set(keys, "Grouping Sets", sets.into_iter().collect::<Vec<_>>());
    }
    let Some(Value::Array(sets)) = keys.get_mut("Grouping Sets") else { return };
    match key {
        "Sort Key" => sets.push(group_of("Sort Key", items).into()),
        "Hash Key" => sets.push(group_of("Hash Keys", vec![items.into()]).into()),
        _ => {
            if let Some(Value::Object(last)) = sets.last_mut()
                && !last.contains_key("Hash Keys")
            {
                if let Some(Value::Array(groups)) = last.get_mut("Group Keys") {
                    groups.push(items.into());
                } else {
                    set(last, "Group Keys", vec![Value::Array(items)]);
                }
            } else {
                sets.push(group_of("Group Keys", vec![items.into()]).into());
            }
        }
    }
}

fn group_of(key: &str, items: Vec<Value>) -> Keys {
    Keys::from_iter([(key.to_owned(), Value::Array(items))])
}
