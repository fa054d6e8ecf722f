//! Questions that only the server can answer before anything is planned: the images of values that perfkit cannot make.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::copy;
use crate::pg::error::{Error, Result};
use crate::pg::{Transaction, sql};
use crate::seed::guess;
use crate::seed::guess::literals::literals;
use crate::seed::make::lane::Cells;
use crate::seed::schema::{ColumnId, Field, Relation, Schema, TableId};
use crate::seed::wire::{self, Wire};

/// So many literals of a column are tried.
const N_LITERALS: usize = 30;
/// Of a column whose values must differ: more rows than these it cannot have.
const N_KEY_LITERALS: usize = 5_000;
/// So many questions are asked about a type: which of 30 literals are bad takes at most 59.
const MAX_QUESTIONS: u32 = 100;
const DOING: &str = "make values of a type";

/// Returns the images of values of all columns whose types perfkit cannot wire.
pub(crate) async fn images(
    transaction: &Transaction<'_>,
    schema: &Schema,
) -> Result<BTreeMap<(TableId, ColumnId), Cells>> {
    let mut images = BTreeMap::new();
    let mut known: BTreeMap<(&str, usize), Vec<Vec<u8>>> = BTreeMap::new();
    for (table, relation) in (0..).zip(&schema.relations).filter(|(_, relation)| relation.is_loadable()) {
        let fields = (0..).zip(&relation.fields).filter(|(_, field)| guess::wire(&field.ty).is_none());
        for (column, field) in fields {
            let n = if is_in_key(relation, column) { N_KEY_LITERALS } else { N_LITERALS };
            let asked = (field.type_name.as_str(), n);
            let mut found = match known.entry(asked) {
                Entry::Occupied(found) => found.get().clone(),
                Entry::Vacant(free) => {
                    let literals = literals(&field.ty, &field.type_name, n);
                    let literals: Vec<String> = literals.iter().map(|it| sql::quote_literal(it)).collect();
                    free.insert(accepted(transaction, &field.type_name, &literals).await?).clone()
                }
            };
            if found.is_empty()
                && let Some(default) = constant_default(field)
            {
                found = accepted(transaction, &field.type_name, &[default.to_owned()]).await?;
            }
            if !found.is_empty() {
                images.insert((table, column), Cells::of_bytes(found.iter().map(Vec::as_slice)));
            }
        }
    }
    Ok(images)
}

fn is_in_key(relation: &Relation, column: ColumnId) -> bool {
    let of_keys = relation.keys.iter().flat_map(|key| &key.parts);
    let of_exclusions = relation.exclusions.iter().flat_map(|it| &it.parts).map(|(part, _)| part);
    of_keys.chain(of_exclusions).any(|part| part.columns().contains(&column))
}

/// Returns a default that is one quoted constant: `'…'::type`.
fn constant_default(field: &Field) -> Option<&str> {
    let default = field.default.as_deref()?;
    let rest = default.strip_prefix('\'')?.replace("''", "");
    let (_, cast) = rest.split_once('\'')?;
    (cast.is_empty() || (cast.starts_with("::") && !cast.contains(['\'', '+', '|', '>']))).then_some(default)
}

/// Returns the different images of those constants in SQL that are values of a type, in their order.
async fn accepted(
    transaction: &Transaction<'_>,
    type_name: &str,
    constants: &[String],
) -> Result<Vec<Vec<u8>>> {
    let mut images: Vec<Vec<u8>> = Vec::new();
    let all = 0..constants.len();
    let mut open = vec![all];
    for _ in 0..MAX_QUESTIONS {
        let Some(range) = open.pop() else { break };
        let rows: Vec<String> = constants[range.clone()]
            .iter()
            .zip(1..)
            .map(|(it, n)| format!("({n}, {it}::{type_name})"))
            .collect();
        let query = format!("SELECT o.v FROM (VALUES {}) AS o (n, v) ORDER BY o.n", rows.join(", "));
        match tried(transaction, &query).await? {
            Some(lane) => images.extend(lane),
            None if range.len() > 1 => {
                let middle = range.start + range.len() / 2;
                open.extend([middle..range.end, range.start..middle]);
            }
            None => {}
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    images.retain(|image| seen.insert(image.clone()));
    Ok(images)
}

/// Returns the images of a query's only column; `None` where the server does not like one of them.
async fn tried(transaction: &Transaction<'_>, query: &str) -> Result<Option<Vec<Vec<u8>>>> {
    transaction.batch_execute("SAVEPOINT perfkit").await.map_err(Error::query(DOING))?;
    let read = async {
        let stream = transaction.copy_out(&format!("COPY ({query}) TO STDOUT (FORMAT binary)")).await?;
        copy::receive(stream).await
    };
    let answer = match read.await {
        Ok(bytes) => wire::read::lanes(&bytes, &[Wire::Bytes]),
        Err(error) if error.as_db_error().is_some() => {
            transaction.batch_execute("ROLLBACK TO SAVEPOINT perfkit").await.map_err(Error::query(DOING))?;
            None
        }
        Err(error) => return Err(Error::query(DOING)(error)),
    };
    transaction.batch_execute("RELEASE SAVEPOINT perfkit").await.map_err(Error::query(DOING))?;
    let Some([lane]) = answer.as_deref() else { return Ok(None) };
    Ok(Some((0..lane.len()).map(|place| lane.bytes_at(place).to_vec()).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::schema::types::Type;

    #[test]
    fn a_constant_default_is_known() {
        let check = |default: &str, expected: bool| {
            let field = Field {
                name: "c".to_owned(),
                ty: Type::Other { oid: 1, name: "x".to_owned() },
                type_name: "x".to_owned(),
                not_null: true,
                default: Some(default.to_owned()),
                sequence: None,
                is_always_identity: false,
                domain_checks: Vec::new(),
                folds_case: false,
            };
            assert_eq!(constant_default(&field).is_some(), expected, "{default}");
        };
        check("'(0,1)'::x", true);
        check("'it''s'::s.x", true);
        check("nextval('q'::regclass)", false);
        check("('a'::text || 'b'::text)", false);
        check("'a'::text || f()", false);
        check("CURRENT_USER", false);
    }
}
