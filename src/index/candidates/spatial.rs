//! GiST indexes: ranges, networks and shapes, by what they overlap and contain.

use super::demand::Demand;
use super::indexable::{self, Family};
use super::inverted::with_scalars;
use crate::index::{Definition, Key, Method};
use crate::query::Test;

/// The extension with which a GiST index has scalar columns too.
const BTREE_GIST: &str = "btree_gist";

/// Returns the GiST indexes that serve one use of a table.
pub(super) fn definitions(demand: &Demand, extensions: &[String]) -> Vec<Definition> {
    let mut found = Vec::new();
    for condition in &demand.conditions {
        let operand = &condition.operand;
        let is_network = indexable::family(operand, demand.table) == Family::Network;
        let is_spatial = match condition.test {
            Test::Contains | Test::ContainedBy | Test::Overlaps => true,
            // `<<`, `<<=`, `>>`, `>>=`.
            Test::Other => is_network,
            _ => false,
        };
        if !is_spatial || !indexable::can_be_indexed(operand, demand.table) {
            continue;
        }
        let opclass = match indexable::family(operand, demand.table) {
            Family::Range | Family::Geometry => None,
            // The default operator classes of networks are those of btree and hash only.
            Family::Network => Some("inet_ops".to_owned()),
            _ => continue,
        };
        let key = Key { opclass, ..Key::of(operand.clone()) };
        found.extend(with_scalars(demand, Method::Gist, &key, extensions, BTREE_GIST));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{self, Uses, check, on};
    use crate::query::Test;

    #[test]
    fn what_overlaps() {
        let mut catalog = fixture::catalog(&[(
            "rooms",
            &["id int8", "during tstzrange", "area box", "net cidr", "at timestamptz"],
        )]);
        let with = |operand: &str, test: Test| on("rooms").test("id", Test::Equal).test(operand, test);
        check(&catalog, with("during", Test::Overlaps), &["USING gist (during)", "!USING gist (id, during)"]);
        check(&catalog, with("area", Test::ContainedBy), &["USING gist (area)", "!(area)"]);
        check(&catalog, with("net", Test::ContainedBy), &["USING gist (net inet_ops)"]);
        check(&catalog, with("net", Test::Other), &["USING gist (net inet_ops)", "(id, net)"]);
        check(&catalog, with("at", Test::Other), &["!USING gist (at)", "!(id, at)"]);
        check(&catalog, with("at", Test::ContainedBy), &["!USING gist (at)", "(id, at)"]);
        catalog.extensions.push("btree_gist".into());
        check(&catalog, with("during", Test::Contains), &["USING gist (id, during)"]);
    }
}
