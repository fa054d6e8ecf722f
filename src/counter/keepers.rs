//! Whether triggers that somebody else has made keep a column right.

/// A trigger of the counted table whose function, or arguments, name the column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keeper {
    pub(crate) name: String,
    pub(crate) on_insert: bool,
    pub(crate) on_update: bool,
    pub(crate) on_delete: bool,
    pub(crate) on_truncate: bool,
}

/// What nothing in the database does for a column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Gap {
    #[error(
        "no trigger of {child} names column \"{column}\": if the application keeps it, then in the transaction of each change and by \
         adding to it, else it drifts"
    )]
    NoKeeper { child: String, column: String },
    #[error("no trigger keeps column \"{column}\" at {event} of {child}: it will drift")]
    Event { child: String, column: String, event: &'static str },
}

/// Returns what is missing for a column to stay right. That of TRUNCATE is seldom written, and is told of alike.
pub(crate) fn gaps(child: &str, column: &str, keepers: &[Keeper]) -> Vec<Gap> {
    let (child, column) = (child.to_owned(), column.to_owned());
    if keepers.is_empty() {
        return vec![Gap::NoKeeper { child, column }];
    }
    let events: [(&'static str, fn(&Keeper) -> bool); 4] = [
        ("INSERT", |keeper| keeper.on_insert),
        ("UPDATE", |keeper| keeper.on_update),
        ("DELETE", |keeper| keeper.on_delete),
        ("TRUNCATE", |keeper| keeper.on_truncate),
    ];
    let missing = events.into_iter().filter(|(_, fires)| !keepers.iter().any(fires));
    missing.map(|(event, _)| Gap::Event { child: child.clone(), column: column.clone(), event }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_needs_a_keeper() {
        let check = |keepers: &[Keeper], expected: &[&str]| {
            let gaps: Vec<String> = gaps("app.c", "n", keepers).iter().map(ToString::to_string).collect();
            assert_eq!(gaps.len(), expected.len(), "{gaps:?}");
            assert!(gaps.iter().zip(expected).all(|(gap, word)| gap.contains(word)), "{gaps:?}");
        };
        let rows = Keeper { on_insert: true, on_delete: true, ..Keeper::default() };
        check(&[], &["if the application keeps it"]);
        check(std::slice::from_ref(&rows), &["UPDATE", "TRUNCATE"]);
        let rest = Keeper { on_update: true, on_truncate: true, ..Keeper::default() };
        check(&[rows, rest], &[]);
    }
}
