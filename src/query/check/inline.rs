//! Calls of functions that are one SQL expression, written out.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Value, visit_expressions_mut};

use crate::query::grammar;

/// Functions that call functions are written out so deep.
const MAX_DEPTH: usize = 4;

/// A function in SQL that is not STRICT: a strict one is NULL where its text may not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SqlFunction {
    pub(crate) schema: String,
    pub(crate) name: String,
    /// The names of the parameters, empty where they have none.
    pub(crate) parameters: Vec<String>,
    /// `SELECT …` (`prosrc`) or `RETURN …` (`pg_get_function_sqlbody`).
    pub(crate) body: String,
}

/// Writes out all calls; `None` where nothing was.
pub(super) fn inlined(expr: &Expr, functions: &[SqlFunction]) -> Option<Expr> {
    let mut changed = expr.clone();
    inline(&mut changed, functions, MAX_DEPTH);
    (changed != *expr).then_some(changed)
}

fn inline(expr: &mut Expr, functions: &[SqlFunction], depth: usize) {
    let _ = visit_expressions_mut(expr, |expr| {
        if let Some(body) = body(expr, functions, depth) {
            *expr = Expr::Nested(Box::new(body));
        }
        ControlFlow::<()>::Continue(())
    });
}

fn body(call: &Expr, functions: &[SqlFunction], depth: usize) -> Option<Expr> {
    let Expr::Function(call) = call else { return None };
    let FunctionArguments::List(list) = &call.args else { return None };
    let arguments = list.args.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    });
    let arguments = arguments.collect::<Option<Vec<_>>>()?;
    let names: Vec<&str> = call.name.0.iter().filter_map(|part| Some(&*part.as_ident()?.value)).collect();
    let is_called = |function: &&SqlFunction| {
        function.parameters.len() == arguments.len()
            && match names[..] {
                [name] => name == function.name,
                [schema, name] => schema == function.schema && name == function.name,
                _ => false,
            }
    };
    let mut called = functions.iter().filter(is_called);
    // Which of several functions an unqualified name means, only the server knows.
    let (Some(function), None, 1..) = (called.next(), called.next(), depth) else { return None };
    let text = function.body.trim().trim_end_matches(';').trim_end();
    let (verb, text) = text.split_at_checked("SELECT ".len())?;
    if !["SELECT", "RETURN"].iter().any(|word| verb.trim_end().eq_ignore_ascii_case(word)) {
        return None;
    }
    let mut body = grammar::expression(text)?;
    inline(&mut body, functions, depth - 1);
    let _ = visit_expressions_mut(&mut body, |expr| {
        let place = match &*expr {
            Expr::Value(value) => match &value.value {
                Value::Placeholder(name) => {
                    name.strip_prefix('$').and_then(|n| n.parse::<usize>().ok()?.checked_sub(1))
                }
                _ => None,
            },
            Expr::Identifier(name) => function.parameters.iter().position(|other| *other == name.value),
            _ => None,
        };
        if let Some(argument) = place.and_then(|place| arguments.get(place)) {
            *expr = Expr::Nested(Box::new((*argument).clone()));
        }
        ControlFlow::<()>::Continue(())
    });
    Some(body)
}
