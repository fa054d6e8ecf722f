//! Which counters people name.

use super::site::Site;
use super::state::State;
use crate::yaml;

/// A name that no counter has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unknown {
    #[error("\"{0}\" names no column")]
    NoColumn(String),
    #[error("there is no counter \"{name}\"")]
    NoCounter { name: String, nearest: Option<String> },
}

impl Unknown {
    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::NoColumn(_) => "Name a table and its column, as in keywords.mentions_count.".to_owned(),
            Self::NoCounter { nearest: Some(nearest), .. } => format!("Did you mean \"{nearest}\"?"),
            Self::NoCounter { nearest: None, .. } => {
                "`perfkit counter status` lists the counters of the database.".to_owned()
            }
        }
    }
}

/// Returns the sites of the counters that are named as TABLE.COLUMN, each with these counters alone; all of them where none is
/// named. Those whose functions cannot be read are left out.
pub(crate) fn chosen(state: &State, names: &[String]) -> Result<Vec<Site>, Unknown> {
    let all: Vec<Site> = state.readable_sites().collect();
    if names.is_empty() {
        return Ok(all);
    }
    let mut chosen: Vec<Site> =
        all.iter().map(|site| Site { counters: Vec::new(), ..site.clone() }).collect();
    for name in names {
        let (table, column) = name.rsplit_once('.').ok_or_else(|| Unknown::NoColumn(name.clone()))?;
        let table = state.named(table);
        let is_named = |site: &Site| table.is_some_and(|table| table.name == site.parent);
        let found = all.iter().position(|site| is_named(site) && site.counter(column).is_some());
        let counter = found.and_then(|at| Some((at, all[at].counter(column)?)));
        let Some((at, counter)) = counter else {
            return Err(Unknown::NoCounter { name: name.clone(), nearest: nearest(name, &all) });
        };
        if !chosen[at].counters.contains(counter) {
            chosen[at].counters.push(counter.clone());
        }
    }
    chosen.retain(|site| !site.counters.is_empty());
    Ok(chosen)
}

fn nearest(name: &str, sites: &[Site]) -> Option<String> {
    let with_schema =
        |site: &Site, column: &str| format!("{}.{}.{column}", site.parent.schema, site.parent.name);
    let without = |site: &Site, column: &str| format!("{}.{column}", site.parent.name);
    let named = |text: &dyn Fn(&Site, &str) -> String| -> Vec<String> {
        let of_site =
            |site: &Site| site.counters.iter().map(|counter| text(site, &counter.column)).collect::<Vec<_>>();
        sites.iter().flat_map(of_site).collect()
    };
    let names = if name.matches('.').count() > 1 { named(&with_schema) } else { named(&without) };
    yaml::nearest(name, names.iter().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::fixture;
    use crate::counter::state::FunctionState;
    use crate::counter::{name, triggers};

    #[test]
    fn counters_are_found_by_their_columns() {
        let mut state = fixture::leads_state();
        let keywords =
            fixture::site("keywords", "user_id", "users", vec![fixture::count("keywords_count", None)]);
        for site in [fixture::mentions_of_all_kinds(), keywords] {
            state.functions.push(FunctionState {
                name: name::function(&site),
                body: triggers::body(&site),
                ..FunctionState::default()
            });
        }
        let check = |names: &[&str], expected: Result<&[&str], &str>| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            let found = chosen(&state, &names).map(|sites| {
                let columns = sites.into_iter().flat_map(|site| {
                    site.counters
                        .into_iter()
                        .map(move |counter| format!("{}.{}", site.parent.name, counter.column))
                });
                columns.collect::<Vec<_>>()
            });
            let found = found.map_err(|error| format!("{error}; {}", error.hint()));
            let expected = expected.map(|names| names.iter().map(|&name| name.to_owned()).collect());
            assert_eq!(found, expected.map_err(str::to_owned), "{names:?}");
        };
        let all =
            ["keywords.active_count", "keywords.mentions_count", "keywords.score", "users.keywords_count"];
        check(&[], Ok(&all));
        check(
            &["users.keywords_count", "app.keywords.score", "keywords.score", "keywords.active_count"],
            Ok(&["keywords.score", "keywords.active_count", "users.keywords_count"]),
        );
        check(
            &["keywords"],
            Err("\"keywords\" names no column; Name a table and its column, as in keywords.mentions_count."),
        );
        check(
            &["keywords.mention_count"],
            Err("there is no counter \"keywords.mention_count\"; Did you mean \"keywords.mentions_count\"?"),
        );
        check(
            &["app.users.keyword_count"],
            Err(
                "there is no counter \"app.users.keyword_count\"; Did you mean \"app.users.keywords_count\"?",
            ),
        );
    }
}
