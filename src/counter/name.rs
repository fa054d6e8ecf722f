//! The names of what is made for a site; they follow from it, so that what was made is found again.

use super::site::{QualifiedName, Site};
use crate::index::change::name::{MAX_NAME_BYTES, shortened};
use crate::random;

/// The function that the triggers of the child call. It is in the child's schema, so that both are dumped together.
pub(crate) fn function(site: &Site) -> QualifiedName {
    in_child_schema(site, &format!("perfkit_count_{}_{}", site.child.name, key(site)), "")
}

/// The function of a guard on the parent.
pub(crate) fn guard_function(site: &Site, guard: &str) -> QualifiedName {
    in_child_schema(site, &format!("perfkit_count_{}_{}", site.child.name, key(site)), &format!("_{guard}"))
}

/// A trigger on the child. A child's triggers fire in the order of their names.
pub(crate) fn trigger(site: &Site, event: &str) -> String {
    whole_or_hashed(&format!("perfkit_count_{}", key(site)), &format!("_{event}"))
}

/// A guard's trigger on the parent, which may count several children. It comes after those of foreign keys, whose names begin
/// with `RI_ConstraintTrigger`.
pub(crate) fn guard_trigger(site: &Site, guard: &str) -> String {
    whole_or_hashed(&format!("perfkit_count_{}_{}", site.child.name, key(site)), &format!("_{guard}"))
}

/// The table with the changes that are not folded in yet.
pub(crate) fn pending(site: &Site) -> QualifiedName {
    in_child_schema(site, &format!("{}_{}_{}", site.parent.name, site.child.name, key(site)), "_pending")
}

/// The table of its own in which counters of this parent stand by the value of a key of the child.
pub(crate) fn side_table(parent: &str, child: &QualifiedName, key: &[&str]) -> QualifiedName {
    let name = format!("{parent}_{}_{}", child.name, key.join("_"));
    QualifiedName { schema: child.schema.clone(), name: whole_or_hashed(&name, "_counts") }
}

/// The constraint that holds until the column is NOT NULL.
pub(crate) fn not_null_check(column: &str) -> String {
    whole_or_hashed(&format!("perfkit_count_{column}"), "_counted")
}

fn key(site: &Site) -> String {
    let columns: Vec<&str> = site.key.iter().map(|pair| pair.child.as_str()).collect();
    columns.join("_")
}

fn in_child_schema(site: &Site, name: &str, suffix: &str) -> QualifiedName {
    QualifiedName { schema: site.child.schema.clone(), name: whole_or_hashed(name, suffix) }
}

/// Returns a name with its suffix; one that would be too long is cut, and its hash tells it from others of the same beginning.
fn whole_or_hashed(name: &str, suffix: &str) -> String {
    if name.len() + suffix.len() <= MAX_NAME_BYTES {
        return format!("{name}{suffix}");
    }
    shortened(name, &format!("_{:08x}{suffix}", random::substream(0, name) >> 32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::fixture;
    use proptest::prelude::*;

    #[test]
    fn names_say_what_is_counted_by_which_key() {
        let site = fixture::mentions();
        assert_eq!(function(&site).sql(), "app.perfkit_count_mentions_keyword_id");
        assert_eq!(guard_function(&site, "key").sql(), "app.perfkit_count_mentions_keyword_id_key");
        assert_eq!(trigger(&site, "insert"), "perfkit_count_keyword_id_insert");
        assert_eq!(guard_trigger(&site, "gone"), "perfkit_count_mentions_keyword_id_gone");
        assert_eq!(pending(&site).sql(), "app.keywords_mentions_keyword_id_pending");
        assert_eq!(side_table("keywords", &site.child, &["word"]).sql(), "app.keywords_mentions_word_counts");
    }

    proptest! {
        #[test]
        fn names_fit_and_differ(a in "[aü\"]{1,63}", b in "[aü\"]{1,63}") {
            let named = |child: &str| {
                let mut site = fixture::mentions();
                site.child.name = child.to_owned();
                [function(&site).name, guard_trigger(&site, "emptied"), pending(&site).name]
            };
            for (one, other) in named(&a).iter().zip(&named(&b)) {
                prop_assert!(one.len() <= MAX_NAME_BYTES);
                prop_assert_eq!(one == other, a == b);
            }
            let distinct: std::collections::BTreeSet<String> = named(&a).into();
            prop_assert_eq!(distinct.len(), 3);
        }
    }
}
