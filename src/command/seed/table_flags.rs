//! `perfkit seed --orders 50`: flags that are names of tables, as `--rows orders=50`.

use std::ffi::OsString;

/// The subcommand whose flags may be tables.
const COMMAND: &str = "seed";

/// Rewrites, after the word `seed`, `--TABLE N` and `--TABLE=N` with a whole number N to `--rows TABLE=N`.
///
/// `flags` are the long names, without `--`, of the flags that the command has itself, with whether a value follows. They stay
/// as they are, and so does everything after `--`: clap says what is wrong with what is neither.
pub(super) fn rewrite(args: Vec<OsString>, flags: &[(&str, bool)]) -> Vec<OsString> {
    let mut rewritten = Vec::with_capacity(args.len());
    let mut args = args.into_iter().peekable();
    // Up to the subcommand, which may stand behind global flags.
    for arg in args.by_ref() {
        let is_command = arg == COMMAND;
        rewritten.push(arg);
        if is_command {
            break;
        }
    }
    while let Some(arg) = args.next() {
        if arg == "--" {
            rewritten.push(arg);
            break;
        }
        let Some((name, value)) = flag(&arg) else {
            rewritten.push(arg);
            continue;
        };
        if let Some((_, has_value)) = flags.iter().find(|(known, _)| *known == name) {
            let takes_next = *has_value && value.is_none();
            rewritten.push(arg);
            // What follows is its value, whatever it looks like.
            rewritten.extend(args.next_if(|_| takes_next));
            continue;
        }
        let next = args.peek().and_then(|next| next.to_str()).filter(|_| value.is_none());
        match value.as_deref().or(next).filter(|value| is_number(value)) {
            Some(number) => {
                rewritten.extend(["--rows".into(), format!("{name}={number}").into()]);
                if value.is_none() {
                    args.next();
                }
            }
            None => rewritten.push(arg),
        }
    }
    rewritten.extend(args);
    rewritten
}

/// Returns the name of a long flag, and the value behind its `=`.
fn flag(arg: &OsString) -> Option<(String, Option<String>)> {
    let body = arg.to_str()?.strip_prefix("--").filter(|body| !body.is_empty())?;
    Some(match body.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (body.to_owned(), None),
    })
}

/// Whether text is a number of rows, as in `50` or `1_000_000`.
fn is_number(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(args: &str, expected: &str) {
        let flags = [("seed", true), ("rows", true), ("dry-run", false), ("url", true)];
        let args = args.split(' ').map(OsString::from).collect();
        let rewritten: Vec<String> =
            rewrite(args, &flags).into_iter().map(|arg| arg.into_string().unwrap()).collect();
        assert_eq!(rewritten.join(" "), expected);
    }

    #[test]
    fn tables_become_rows() {
        check("perfkit seed --orders 5", "perfkit seed --rows orders=5");
        check("perfkit seed --users=7", "perfkit seed --rows users=7");
        check("perfkit seed --sales.orders 5 --a 1_000", "perfkit seed --rows sales.orders=5 --rows a=1_000");
        check("perfkit --json seed --dry-run --orders 5", "perfkit --json seed --dry-run --rows orders=5");
    }

    #[test]
    fn flags_of_the_command_stay() {
        check("perfkit seed --seed 5 --rows a=3", "perfkit seed --seed 5 --rows a=3");
        check("perfkit seed --seed=5", "perfkit seed --seed=5");
        check("perfkit seed --url --orders 5", "perfkit seed --url --orders 5");
        check("perfkit seed --dry-run 5", "perfkit seed --dry-run 5");
    }

    #[test]
    fn what_is_no_number_stays() {
        check("perfkit seed --orders many", "perfkit seed --orders many");
        check("perfkit seed --orders", "perfkit seed --orders");
        check("perfkit seed --orders=", "perfkit seed --orders=");
        check("perfkit seed --orders -5", "perfkit seed --orders -5");
        check("perfkit seed orders 5 -q", "perfkit seed orders 5 -q");
    }

    #[test]
    fn two_dashes_stop_it() {
        check("perfkit seed --a 1 -- --orders 5", "perfkit seed --rows a=1 -- --orders 5");
    }

    #[test]
    fn other_commands_stay() {
        check("perfkit bench --orders 5", "perfkit bench --orders 5");
    }
}
