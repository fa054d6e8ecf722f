//! Which functions give the same result for the same arguments at all times, so that an index can hold it.

use sqlparser::ast::{
    BinaryOperator, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
};

use crate::query::scope::fold;

/// Built-in functions, and a few of extensions, of which no variant is immutable (`pg_proc.provolatile`), without those
/// that a prefix below names.
const NOT_IMMUTABLE: [&str; 43] = [
    "array_to_json",
    "array_to_string",
    "clock_timestamp",
    "concat",
    "concat_ws",
    "convert",
    "convert_from",
    "convert_to",
    "current_database",
    "current_query",
    "current_schema",
    "current_schemas",
    "current_setting",
    "currval",
    "enum_first",
    "enum_last",
    "enum_range",
    "format",
    "format_type",
    "gen_random_uuid",
    "json_build_array",
    "json_build_object",
    "jsonb_build_array",
    "jsonb_build_object",
    "lastval",
    "make_timestamptz",
    "nextval",
    "now",
    "random",
    "random_normal",
    "row_to_json",
    "setval",
    "statement_timestamp",
    "timeofday",
    "to_char",
    "to_date",
    "to_json",
    "to_jsonb",
    "to_number",
    "transaction_timestamp",
    "unaccent",
    "uuidv4",
    "uuidv7",
];
/// Families of functions that read settings, the catalog or large objects, or that make new values.
const NOT_IMMUTABLE_PREFIXES: [&str; 7] =
    ["current_", "has_", "jsonb_populate_", "lo_", "pg_", "to_reg", "uuid_generate_"];
/// Functions that are stable with this number of arguments, and immutable with another: what they leave out is read
/// from a setting.
const STABLE_WITH: [(&str, usize); 9] = [
    ("age", 1),
    ("date_trunc", 3),
    ("json_to_tsvector", 2),
    ("jsonb_to_tsvector", 2),
    ("phraseto_tsquery", 1),
    ("plainto_tsquery", 1),
    ("to_timestamp", 2),
    ("to_tsquery", 1),
    ("to_tsvector", 1),
];
/// Functions whose value changes from row to row, so that no index condition can compare with it.
const VOLATILE: [&str; 11] = [
    "clock_timestamp",
    "currval",
    "gen_random_uuid",
    "lastval",
    "nextval",
    "random",
    "random_normal",
    "setval",
    "timeofday",
    "uuidv4",
    "uuidv7",
];
/// Functions that return several rows, which no index key can be.
const SET_RETURNING: [&str; 14] = [
    "generate_series",
    "generate_subscripts",
    "json_array_elements",
    "json_array_elements_text",
    "json_each",
    "json_object_keys",
    "jsonb_array_elements",
    "jsonb_array_elements_text",
    "jsonb_each",
    "jsonb_object_keys",
    "jsonb_path_query",
    "regexp_matches",
    "regexp_split_to_table",
    "unnest",
];
/// Aggregates and window functions that PostgreSQL brings along.
const AGGREGATES: [&str; 53] = [
    "any_value",
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "covar_pop",
    "covar_samp",
    "cume_dist",
    "dense_rank",
    "every",
    "first_value",
    "grouping",
    "json_agg",
    "json_object_agg",
    "jsonb_agg",
    "jsonb_object_agg",
    "lag",
    "last_value",
    "lead",
    "max",
    "min",
    "mode",
    "nth_value",
    "ntile",
    "percent_rank",
    "percentile_cont",
    "percentile_disc",
    "range_agg",
    "range_intersect_agg",
    "rank",
    "regr_avgx",
    "regr_avgy",
    "regr_count",
    "regr_intercept",
    "regr_r2",
    "regr_slope",
    "regr_sxx",
    "regr_sxy",
    "regr_syy",
    "row_number",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "string_agg",
    "sum",
    "var_pop",
    "var_samp",
    "variance",
];

/// Returns a function's name without its schema, folded.
pub(super) fn name(function: &Function) -> String {
    function.name.0.last().and_then(|part| part.as_ident()).map(fold).unwrap_or_default()
}

/// Returns the arguments of a function that has nothing but plain ones.
pub(super) fn arguments(function: &Function) -> Option<Vec<&Expr>> {
    let FunctionArguments::List(list) = &function.args else { return None };
    list.args
        .iter()
        .map(|found| argument(found).filter(|(name, _)| name.is_none()).map(|(_, expr)| expr))
        .collect()
}

/// Returns an argument, and its name where the call names it (`days => 3`).
pub(super) fn argument(argument: &FunctionArg) -> Option<(Option<String>, &Expr)> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some((None, expr)),
        FunctionArg::Named { name, arg: FunctionArgExpr::Expr(expr), .. } => Some((Some(fold(name)), expr)),
        FunctionArg::ExprNamed { name: Expr::Identifier(name), arg: FunctionArgExpr::Expr(expr), .. } => {
            Some((Some(fold(name)), expr))
        }
        _ => None,
    }
}

/// Whether an index could hold the function's result, as far as the name tells: what is not built in counts as
/// immutable, and the server has the last word.
pub(super) fn is_immutable(name: &str, n_arguments: usize) -> bool {
    let is_listed = |list: &[&str]| list.binary_search(&name).is_ok();
    !(is_listed(&NOT_IMMUTABLE)
        || NOT_IMMUTABLE_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || STABLE_WITH.contains(&(name, n_arguments))
        || is_listed(&SET_RETURNING)
        || is_aggregate(name)
        || name == "row")
}

/// Whether the function's result changes during a scan.
pub(super) fn is_volatile(name: &str) -> bool {
    VOLATILE.binary_search(&name).is_ok() || name.starts_with("uuid_generate_")
}

/// Whether PostgreSQL has an aggregate or window function of this name.
pub(super) fn is_aggregate(name: &str) -> bool {
    AGGREGATES.binary_search(&name).is_ok()
}

/// Whether a step of an expression reads the time zone or the date style of the session, so that it is only stable
/// (manual, "Function Volatility Categories"). `type_of` knows the types of columns, as `pg_type` names them.
pub(super) fn depends_on_session(expr: &Expr, type_of: &dyn Fn(&Expr) -> Option<String>) -> bool {
    let is_zoned = |expr: &Expr| type_of(expr).as_deref() == Some("timestamptz");
    match expr {
        Expr::Cast { expr, data_type, .. } => {
            let target = data_type.to_string().to_lowercase();
            let target_is = |names: &[&str]| names.iter().any(|name| target.starts_with(name));
            match type_of(expr).as_deref() {
                Some("timestamptz") => {
                    !matches!(data_type, DataType::Timestamp(..) | DataType::Custom(..))
                        || !target_is(&["timestamptz", "timestamp with time zone"])
                }
                Some("timestamp" | "date") => target_is(&[
                    "timestamptz",
                    "timestamp with time zone",
                    "text",
                    "varchar",
                    "character varying",
                ]),
                _ => false,
            }
        }
        Expr::Extract { expr, .. } => is_zoned(expr),
        Expr::Function(function) => {
            ["date", "date_part", "date_trunc", "time", "timestamp"].contains(&name(function).as_str())
                && arguments(function).is_some_and(|arguments| arguments.into_iter().any(is_zoned))
        }
        Expr::BinaryOp { left, op: BinaryOperator::Plus | BinaryOperator::Minus, right } => {
            is_zoned(left) != is_zoned(right)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_immutable_functions() {
        assert!(
            NOT_IMMUTABLE.is_sorted()
                && VOLATILE.is_sorted()
                && SET_RETURNING.is_sorted()
                && AGGREGATES.is_sorted()
        );
        for (name, n_arguments, expected) in [
            ("lower", 1, true),
            ("my_function", 2, true),
            ("to_tsvector", 2, true),
            ("to_tsvector", 1, false),
            ("now", 0, false),
            ("current_date", 0, false),
            ("count", 1, false),
            ("uuid_generate_v4", 0, false),
            ("unnest", 1, false),
        ] {
            assert_eq!(is_immutable(name, n_arguments), expected, "{name}");
        }
    }
}
