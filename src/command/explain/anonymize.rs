//! `perfkit explain --anonymize` and `--restore`: plans to show to strangers, and back.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{read_input, unreadable, write_whole};
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::plan::anonymize::{Key, anonymize, restore};
use crate::plan::read;
use crate::report::Document;

/// Prints the plans of a file with other names and values, in EXPLAIN's JSON format, and keeps what stands for what in
/// the key file.
pub(super) fn rename(context: &Context, plan: &Path, key_file: &Path) -> Result<ExitStatus> {
    let bytes = read_input(plan, "plan")?;
    let reading = read::raws(&bytes).map_err(|error| unreadable(plan, &error))?;
    for skipped in &reading.skipped {
        let place = format_args!("{}:{}:{}", plan.display(), skipped.line, skipped.column).to_string();
        context.ui.warn(format_args!("left out: {place}: {}", skipped.reason));
    }
    let mut key = if key_file.exists() { load(key_file)? } else { Key::default() };

    let plans: Vec<Value> = reading
        .plans
        .into_iter()
        .flat_map(|raw| match read::to_json(anonymize(raw, &mut key)) {
            Value::Array(plans) => plans,
            other => vec![other],
        })
        .collect();

    // The key first: a plan that cannot be restored is worth less than a key without a plan.
    let text = serde_json::to_string_pretty(&key.to_json()).expect("names are text");
    write_whole(key_file, &(text + "\n"))?;
    let text = serde_json::to_string_pretty(&plans).expect("keys are text");
    context.ui.publish(&Document::new(plans).text(text))?;
    context.ui.status(format_args!("{} says what stands for what; keep it to yourself", key_file.display()));
    Ok(ExitStatus::Success)
}

/// Prints a text, such as an anonymized plan or what somebody wrote about it, with the original names.
pub(super) fn put_back(context: &Context, text: &Path, key_file: &Path) -> Result<ExitStatus> {
    let key = load(key_file)?;
    let bytes = read_input(text, "text")?;
    let text = String::from_utf8(bytes)
        .map_err(|error| Error::usage(format!("{:?} is not UTF-8 text", text.display())).cause(error))?;

    let restored = restore(&text, &key);

    context.ui.publish(&Document::new(&restored).text(restored.as_str()))?;
    Ok(ExitStatus::Success)
}

fn load(path: &Path) -> Result<Key> {
    let fail = || Error::usage(format!("could not read key file {:?}", path.display()));
    let hint = "Give a file that `--anonymize` wrote, or the name of a new one.";
    let text = fs::read_to_string(path).map_err(|error| fail().cause(error).hint(hint))?;
    let json: Value = serde_json::from_str(&text).map_err(|error| fail().cause(error).hint(hint))?;
    Key::from_json(&json).map_err(|error| fail().cause(error).hint(hint))
}
