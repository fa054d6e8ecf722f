//! Counters beside what they count.

use serde_json::{Map, Value, json};

use crate::counter::drift::Drifted;
use crate::counter::site::{Counter, Site};
use crate::counter::verify::Verdict;
use crate::report::{Align, Document, SCHEMA_VERSION, Table};
use crate::unit;

/// Returns the document of a comparison, with so many examples of each counter.
pub(crate) fn verdicts(verdicts: &[Verdict], n_examples: usize) -> Document<'static> {
    let mut table = Table::new([
        ("table", Align::Left),
        ("column", Align::Left),
        ("rows", Align::Right),
        ("drifted", Align::Right),
        ("off by", Align::Right),
    ]);
    for verdict in verdicts {
        for (counter, total) in verdict.counters() {
            table.row([
                verdict.site.parent.to_string(),
                counter.column.clone(),
                unit::count(verdict.n_checked),
                unit::count(total.n_drifted),
                total.absolute_error.clone(),
            ]);
        }
    }
    let mut document = Document::new(json(verdicts, n_examples));
    if !verdicts.is_empty() {
        document = document.table(table);
    }
    for verdict in verdicts.iter().filter(|verdict| !verdict.is_right()) {
        for (counter, _) in verdict.counters() {
            let examples: Vec<String> = verdict
                .drifted_of(counter)
                .take(n_examples)
                .map(|drifted| example(drifted, &verdict.site))
                .collect();
            if !examples.is_empty() {
                let heading = format!("{}.{}", verdict.site.parent, counter.column);
                document = document.heading(heading).text(examples.join("\n"));
            }
        }
        document = document.heading("Likely cause").text(causes(verdict).join("\n"));
    }
    document
}

/// Returns what a repair will set, for a person to decide on.
pub(crate) fn repair_plan(found: &[Verdict], n_examples: usize) -> String {
    let mut lines = Vec::new();
    for verdict in found {
        for (counter, total) in verdict.counters().filter(|(_, total)| total.n_drifted > 0) {
            let name = format!("{}.{}", verdict.site.parent, counter.column);
            let rows = unit::counted(total.n_drifted, "row");
            lines.push(format!("{name}: {rows}, off by {}", total.absolute_error));
            let examples = verdict.drifted_of(counter).take(n_examples);
            lines.extend(examples.map(|it| format!("  {}", change(it, &verdict.site))));
            let n_more = total.n_drifted.saturating_sub(n_examples as u64);
            if n_more > 0 {
                lines.push(format!("  and {} more", unit::count(n_more)));
            }
        }
    }
    lines.join("\n")
}

/// Returns the document of a repair: what was found, and what of it is left; without that, what would be set.
pub(crate) fn repairs(found: &[Verdict], left: Option<&[Verdict]>, n_examples: usize) -> Document<'static> {
    let mut table = Table::new([
        ("table", Align::Left),
        ("column", Align::Left),
        ("drifted", Align::Right),
        ("off by", Align::Right),
        (if left.is_some() { "left" } else { "to set" }, Align::Right),
    ]);
    let mut counters = Vec::new();
    for verdict in found {
        for (counter, total) in verdict.counters() {
            let n_left = left.map(|left| n_drifted(left, &verdict.site, counter));
            table.row([
                verdict.site.parent.to_string(),
                counter.column.clone(),
                unit::count(total.n_drifted),
                total.absolute_error.clone(),
                unit::count(n_left.unwrap_or(total.n_drifted)),
            ]);
            counters.push(json!({
                "table": verdict.site.parent.to_string(),
                "column": counter.column,
                "drifted": total.n_drifted,
                "absolute_error": number(&total.absolute_error),
                "left": n_left,
                "examples": examples(verdict, counter, n_examples),
            }));
        }
    }
    let json = json!({
        "schema_version": SCHEMA_VERSION,
        "dry_run": left.is_none() && found.iter().any(|verdict| !verdict.is_right()),
        "counters": counters,
    });
    let document = Document::new(json);
    if found.is_empty() {
        return document;
    }
    let plan = if left.is_none() { repair_plan(found, n_examples) } else { String::new() };
    let document = document.table(table);
    if plan.is_empty() { document } else { document.text(plan) }
}

/// How many of a counter are wrong.
fn n_drifted(verdicts: &[Verdict], site: &Site, counter: &Counter) -> u64 {
    let of_site = verdicts.iter().filter(|verdict| verdict.site.is_same_place(site));
    let totals = of_site.flat_map(Verdict::counters).filter(|(it, _)| it.column == counter.column);
    totals.map(|(_, total)| total.n_drifted).sum()
}

fn change(drifted: &Drifted, site: &Site) -> String {
    let kept = drifted.kept.as_deref().unwrap_or("NULL");
    format!("{}: {kept} → {}", key(drifted, site), drifted.counted)
}

/// Returns a wrong counter in a line.
fn example(drifted: &Drifted, site: &Site) -> String {
    let Drifted { kept, counted, .. } = drifted;
    let kept = kept.as_deref().unwrap_or("NULL");
    format!("{}: {kept} instead of {counted}", key(drifted, site))
}

fn key(drifted: &Drifted, site: &Site) -> String {
    let columns = site.key.iter().zip(&drifted.key);
    columns.map(|(pair, value)| format!("{} {value}", pair.parent)).collect::<Vec<_>>().join(", ")
}

fn causes(verdict: &Verdict) -> Vec<String> {
    let n_all = verdict.drifted.len();
    let line = |(cause, n): &(crate::counter::drift::Cause, usize)| {
        if *n == n_all { cause.to_string() } else { format!("{cause} ({n} of {n_all} looked at)") }
    };
    verdict.causes.iter().map(line).collect()
}

fn json(verdicts: &[Verdict], n_examples: usize) -> Value {
    let counters = verdicts.iter().flat_map(|verdict| {
        verdict.counters().map(move |(counter, total)| {
            json!({
                "table": verdict.site.parent.to_string(),
                "column": counter.column,
                "rows_checked": verdict.n_checked,
                "drifted": total.n_drifted,
                "absolute_error": number(&total.absolute_error),
                "examples": examples(verdict, counter, n_examples),
                "causes": if total.n_drifted == 0 { Vec::new() } else { json_causes(verdict) },
            })
        })
    });
    json!({ "schema_version": SCHEMA_VERSION, "counters": counters.collect::<Vec<_>>() })
}

fn examples(verdict: &Verdict, counter: &Counter, n_examples: usize) -> Vec<Value> {
    let example = |drifted: &Drifted| {
        let columns = verdict.site.key.iter().map(|pair| pair.parent.clone());
        let key: Map<String, Value> = columns.zip(drifted.key.iter().cloned().map(Value::from)).collect();
        json!({
            "key": key,
            "kept": drifted.kept.as_deref().map(number),
            "counted": number(&drifted.counted),
        })
    };
    verdict.drifted_of(counter).take(n_examples).map(example).collect()
}

fn json_causes(verdict: &Verdict) -> Vec<Value> {
    let cause = |(cause, n): &(crate::counter::drift::Cause, usize)| json!({ "message": cause.to_string(), "examined": n });
    verdict.causes.iter().map(cause).collect()
}

/// Returns a number as the server writes it; what JSON cannot say, such as NaN, is text.
fn number(text: &str) -> Value {
    text.parse::<serde_json::Number>().map_or_else(|_| Value::from(text), Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::drift::Cause;
    use crate::counter::fixture;
    use crate::counter::site::QualifiedName;
    use crate::counter::verify::Total;
    use crate::report::{Format, Style};

    fn verdict() -> Verdict {
        let drifted = |key: &str, column: &str, kept: Option<&str>, counted: &str| Drifted {
            key: vec![key.to_owned()],
            column: column.to_owned(),
            kept: kept.map(str::to_owned),
            counted: counted.to_owned(),
        };
        let total = |n_drifted, error: &str| Total { n_drifted, absolute_error: error.to_owned() };
        Verdict {
            site: fixture::mentions_of_all_kinds(),
            n_checked: 50_144,
            totals: vec![total(0, "0"), total(2, "6"), total(1, "2.5")],
            drifted: vec![
                drifted("7", "mentions_count", None, "4"),
                drifted("9", "mentions_count", Some("5"), "3"),
                drifted("9", "score", Some("1"), "3.5"),
            ],
            causes: vec![
                (Cause::NotCounted, 1),
                (Cause::NoTrigger(QualifiedName::new("app", "mentions_2027")), 3),
            ],
        }
    }

    #[test]
    fn says_what_is_wrong_and_why() {
        let verdicts = [verdict()];
        let text = super::verdicts(&verdicts, 1).render(Format::Text, &Style::PLAIN).unwrap();
        insta::assert_snapshot!(text, @"
        table         column            rows  drifted  off by
        app.keywords  active_count    50,144        0       0
        app.keywords  mentions_count  50,144        2       6
        app.keywords  score           50,144        1     2.5

        app.keywords.mentions_count
        id 7: NULL instead of 4

        app.keywords.score
        id 9: 1 instead of 3.5

        Likely cause
        they were not counted yet (1 of 3 looked at)
        app.mentions_2027 lacks triggers: changes that name it are not seen
        ");
    }

    #[test]
    fn json_has_each_counter() {
        let value = json(&[verdict()], 5);
        let expected = json!({
            "table": "app.keywords",
            "column": "score",
            "rows_checked": 50_144,
            "drifted": 1,
            "absolute_error": 2.5,
            "examples": [{ "key": { "id": "9" }, "kept": 1, "counted": 3.5 }],
            "causes": [
                { "message": "they were not counted yet", "examined": 1 },
                { "message": "app.mentions_2027 lacks triggers: changes that name it are not seen", "examined": 3 },
            ],
        });
        assert_eq!(value["counters"][2], expected);
        assert_eq!(value["counters"][0]["causes"], Value::Array(Vec::new()));
        assert_eq!(number("NaN"), Value::from("NaN"));
    }

    #[test]
    fn a_repair_says_what_it_sets_and_what_is_left() {
        let (found, mut left) = ([verdict()], verdict());
        let plan = repair_plan(&found, 1);
        insta::assert_snapshot!(plan, @"
        app.keywords.mentions_count: 2 rows, off by 6
          id 7: NULL → 4
          and 1 more
        app.keywords.score: 1 row, off by 2.5
          id 9: 1 → 3.5
        ");
        left.totals[1].n_drifted = 0;
        let document = repairs(&found, Some(&[left]), 1);
        insta::assert_snapshot!(document.render(Format::Text, &Style::PLAIN).unwrap(), @"
        table         column          drifted  off by  left
        app.keywords  active_count          0       0     0
        app.keywords  mentions_count        2       6     0
        app.keywords  score                 1     2.5     1
        ");
    }
}
