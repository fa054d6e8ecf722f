//! The normal form of the expressions that EXPLAIN prints: equal for conditions that differ in constants,
//! parameters, the numbers of subplans, and in how PostgreSQL's versions and VERBOSE write them.
//!
//! It works on tokens, not on a parsed expression: EXPLAIN's notation is not quite SQL, and what a parser
//! does not know must still have an identity.

use std::fmt::Write as _;

/// Words of a type name behind its first one.
const TYPE_WORDS: [&str; 12] = [
    "day",
    "hour",
    "minute",
    "month",
    "precision",
    "second",
    "time",
    "to",
    "varying",
    "with",
    "without",
    "zone",
];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// A literal, a parameter, or the value of an `InitPlan`: what stays the same during a scan.
    Constant,
    /// `SubPlan` or `hashed SubPlan`.
    SubPlan(String),
    /// A name or keyword, as written.
    Word(String),
    /// Everything else.
    Sign(String),
}

impl Token {
    fn is(&self, text: &str) -> bool {
        matches!(self, Self::Word(own) | Self::Sign(own) if own == text)
    }
}

/// What becomes of constants and parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Constants<'a> {
    Hidden,
    /// All but these parameters, which stand for values of `InitPlan`s.
    Kept(&'a [&'a str]),
}

/// Returns the normal form of an expression. Columns lose the qualifiers in `own`: VERBOSE alone writes those
/// of the table that a node scans.
pub(crate) fn normal(expression: &str, own: &[&str], constants: Constants) -> String {
    written(&tokens(expression, own, constants))
}

/// Returns the normal forms of the parts that are joined by AND, in order.
pub(crate) fn parts(expression: &str, own: &[&str], constants: Constants) -> Vec<String> {
    let tokens = tokens(expression, own, constants);
    let inner = match &tokens[..] {
        [open, inner @ .., close] if open.is("(") && close.is(")") => inner,
        all => all,
    };
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (i, token) in inner.iter().enumerate() {
        if token.is("(") {
            depth += 1;
        } else if token.is(")") {
            if depth == 0 {
                // `(a) AND (b)`: the first parenthesis does not close at the end.
                return vec![written(&tokens)];
            }
            depth -= 1;
        } else if depth == 0 && token.is("AND") {
            parts.push(&inner[start..i]);
            start = i + 1;
        }
    }
    if parts.is_empty() {
        return vec![written(&tokens)];
    }
    parts.push(&inner[start..]);
    parts.into_iter().map(written).collect()
}

fn written(tokens: &[Token]) -> String {
    let mut text = String::new();
    for token in tokens {
        let word = match token {
            Token::Constant => "?",
            Token::SubPlan(text) | Token::Word(text) | Token::Sign(text) => text,
        };
        let _ = write!(text, "{}{word}", if text.is_empty() { "" } else { " " });
    }
    text
}

fn tokens(expression: &str, own: &[&str], constants: Constants) -> Vec<Token> {
    let mut rest = expression;
    let mut tokens: Vec<Token> = Vec::new();
    while let Some(first) = rest.chars().next() {
        let length = token_length(rest, first);
        let (text, after) = rest.split_at(length);
        rest = after;
        match first {
            c if c.is_whitespace() => {}
            // `E'…'` and `B'…'`, but not a name that happens to end there.
            'E' | 'B' if text.len() > 1 && text.ends_with('\'') => {
                push_constant(&mut tokens, text, constants);
            }
            '\'' | '$' | '0'..='9' => push_constant(&mut tokens, text, constants),
            ':' if text == "::" => {
                let length = type_length(rest);
                let (name, after) = rest.split_at(length);
                rest = after;
                // The type of a constant follows from what it is compared with.
                if tokens.last() != Some(&Token::Constant) {
                    tokens.push(Token::Sign(format!("::{name}")));
                }
            }
            c if c == '_' || c == '"' || c.is_alphabetic() => tokens.push(Token::Word(text.to_owned())),
            _ => {
                tokens.push(Token::Sign(text.to_owned()));
                reduce(&mut tokens);
            }
        }
        unqualify(&mut tokens, own);
        drop_column(&mut tokens);
    }
    tokens
}

fn push_constant(tokens: &mut Vec<Token>, text: &str, constants: Constants) {
    // The name of a subplan is taken off with the parentheses around it.
    let is_name = tokens.last().is_some_and(|last| last.is("InitPlan") || last.is("SubPlan"));
    let is_kept = match constants {
        Constants::Hidden => false,
        Constants::Kept(but) => !but.contains(&text),
    };
    tokens.push(if is_name || is_kept { Token::Word(text.to_owned()) } else { Token::Constant });
}

/// Returns the length of the token at the start of `rest`, in bytes.
fn token_length(rest: &str, first: char) -> usize {
    let run = |start: usize, accepts: fn(char) -> bool| {
        rest[start..].find(|c| !accepts(c)).map_or(rest.len(), |at| start + at)
    };
    let quoted = |start: usize, quote: char| {
        let mut at = start + 1;
        loop {
            match rest[at..].find(quote) {
                None => return rest.len(),
                // A doubled quote stands for one.
                Some(end) if rest[at + end + 1..].starts_with(quote) => at += end + 2,
                Some(end) => return at + end + 1,
            }
        }
    };
    match first {
        '\'' | '"' => quoted(0, first),
        'E' | 'B' if rest[1..].starts_with('\'') => quoted(1, '\''),
        '$' => run(1, |c| c.is_ascii_digit()),
        '0'..='9' => {
            let mantissa = run(0, |c| c.is_ascii_digit() || c == '.');
            match rest[mantissa..].strip_prefix('e').and_then(|rest| rest.chars().next()) {
                Some('+' | '-' | '0'..='9') => run(mantissa + 2, |c| c.is_ascii_digit()),
                _ => mantissa,
            }
        }
        ':' if rest.starts_with("::") => 2,
        c if c.is_whitespace() => run(0, char::is_whitespace),
        c if c == '_' || c.is_alphabetic() => run(0, |c| c == '_' || c == '$' || c.is_alphanumeric()),
        c if is_operator(c) => run(0, is_operator),
        c => c.len_utf8(),
    }
}

fn is_operator(c: char) -> bool {
    "+-*/<>=~!@#%^&|`?".contains(c)
}

/// Returns the length of the type name at the start of `rest`, as in `character varying(10)[]`.
fn type_length(rest: &str) -> usize {
    let mut end = 0;
    loop {
        let tail = &rest[end..];
        let Some(first) = tail.chars().next() else { return end };
        let is_word = first == '_' || first == '"' || first.is_alphabetic();
        if end == 0 || rest[..end].ends_with('.') {
            if !is_word {
                return end;
            }
            end += token_length(tail, first);
        } else if first == '.' || tail.starts_with("[]") {
            end += if first == '.' { 1 } else { 2 };
        } else if first == '(' {
            match tail.find(')') {
                Some(close) if tail[1..close].chars().all(|c| c.is_ascii_digit() || c == ',') => {
                    end += close + 1;
                }
                _ => return end,
            }
        } else if let Some(next) = tail.strip_prefix(' ') {
            let word = &next[..next.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(next.len())];
            if !TYPE_WORDS.contains(&word) {
                return end;
            }
            end += 1 + word.len();
        } else {
            return end;
        }
    }
}

/// Folds what has just been closed: references to subplans, arrays of constants, parentheses around a
/// constant.
fn reduce(tokens: &mut Vec<Token>) {
    let Some(last) = tokens.last() else { return };
    let (open, close) = if last.is(")") {
        ("(", ")")
    } else if last.is("]") {
        ("[", "]")
    } else {
        return;
    };
    let mut depth = 0_usize;
    let Some(start) = tokens.iter().rposition(|token| {
        depth += usize::from(token.is(close));
        depth -= usize::from(token.is(open) && depth > 0);
        depth == 0
    }) else {
        return;
    };
    let inner = &tokens[start + 1..tokens.len() - 1];
    let before = start.checked_sub(1).map(|at| &tokens[at]);
    let follows_word = matches!(before, Some(Token::Word(_)));
    let (from, folded) = match inner {
        [kind, Token::Word(_)] if kind.is("InitPlan") => (start, Token::Constant),
        [kind, Token::Word(_)] if kind.is("SubPlan") => {
            // `EXISTS(SubPlan 1)` was `(SubPlan 1)` up to PostgreSQL 16.
            let exists = before.is_some_and(|before| before.is("EXISTS"));
            (start - usize::from(exists), Token::SubPlan("SubPlan".to_owned()))
        }
        [hashed, kind, Token::Word(_)] if hashed.is("hashed") && kind.is("SubPlan") => {
            (start, Token::SubPlan("hashed SubPlan".to_owned()))
        }
        // `(ANY (a = (hashed SubPlan 1).col1))` was `(hashed SubPlan 1)` up to PostgreSQL 16.
        [any, rest @ ..] if any.is("ANY") && rest.iter().any(|token| matches!(token, Token::SubPlan(_))) => {
            match rest.iter().find(|token| matches!(token, Token::SubPlan(_))) {
                Some(sub_plan) => (start, sub_plan.clone()),
                None => return,
            }
        }
        [Token::Constant] if open == "(" && !follows_word => (start, Token::Constant),
        list if open == "["
            && before.is_some_and(|before| before.is("ARRAY"))
            && list.iter().all(|token| *token == Token::Constant || token.is(",")) =>
        {
            (start - 1, Token::Constant)
        }
        _ => return,
    };
    tokens.truncate(from);
    tokens.push(folded);
}

/// Takes `t.` off `t.a` where `t` is one of the node's own.
fn unqualify(tokens: &mut Vec<Token>, own: &[&str]) {
    let [.., Token::Word(qualifier), dot, Token::Word(_)] = &tokens[..] else { return };
    let name = match qualifier.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => qualifier.clone(),
    };
    if dot.is(".") && own.contains(&name.as_str()) {
        let at = tokens.len() - 3;
        tokens.drain(at..at + 2);
    }
}

/// Takes the column off `(InitPlan 1).col1`, which was `$0` up to PostgreSQL 16.
fn drop_column(tokens: &mut Vec<Token>) {
    let [.., Token::Constant | Token::SubPlan(_), dot, Token::Word(_)] = &tokens[..] else { return };
    if dot.is(".") {
        tokens.truncate(tokens.len() - 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(expression: &str, expected: &str) {
        assert_eq!(normal(expression, &["t", "My T"], Constants::Hidden), expected, "{expression}");
    }

    #[test]
    fn hides_constants() {
        check("(a = 5)", "( a = ? )");
        check("(a = $1)", "( a = ? )");
        check("((a)::text = 'it''s (5)'::text)", "( ( a ) ::text = ? )");
        check("((c)::text = ('x'::character varying(10))::text)", "( ( c ) ::text = ? )");
        check("(at > '2020-01-01 00:00:00'::timestamp without time zone)", "( at > ? )");
        check("(at > '2020-01-01'::timestamp(3) with time zone AND b)", "( at > ? AND b )");
        check("(x > '-1.5e-7'::double precision)", "( x > ? )");
        check("(x > 1.5e-7)", "( x > ? )");
        check("(a = ANY ('{1,2}'::integer[]))", "( a = ANY ( ? ) )");
        check("(a = ANY (ARRAY[$1, $2, 3]))", "( a = ANY ( ? ) )");
        check("(a = ANY (ARRAY[b, 3]))", "( a = ANY ( ARRAY [ b , ? ] ) )");
        check("(lower(a) = f(5))", "( lower ( a ) = f ( ? ) )");
        check("(c ~~ E'a\\\\b%'::text)", "( c ~~ ? )");
        check("(col1 = 3)", "( col1 = ? )");
    }

    #[test]
    fn a_cast_of_a_column_stays() {
        check("((a)::character varying(10) = b)", "( ( a ) ::character varying(10) = b )");
    }

    #[test]
    fn subplans_have_no_numbers() {
        for expression in ["(id > $0)", "(id > (InitPlan 1).col1)", "(id > (InitPlan expr_1).col1)"] {
            check(expression, "( id > ? )");
        }
        for expression in [
            "(NOT (hashed SubPlan 2))",
            "(NOT (ANY (id = (hashed SubPlan 7).col1)))",
            "(NOT (ANY ((id = (hashed SubPlan any_1).col1) AND (b = (hashed SubPlan any_1).col2))))",
        ] {
            check(expression, "( NOT hashed SubPlan )");
        }
        check("(EXISTS(SubPlan 1) OR (a = 1))", "( SubPlan OR ( a = ? ) )");
        check("((SubPlan 3) OR (a = 1))", "( SubPlan OR ( a = ? ) )");
    }

    #[test]
    fn own_qualifiers_go() {
        check("((t.a = u.b) AND (\"My T\".c = 1))", "( ( a = u . b ) AND ( c = ? ) )");
        check("(x.t.a = 1)", "( x . a = ? )");
    }

    #[test]
    fn constants_can_stay() {
        let kept = |expression| normal(expression, &["t"], Constants::Kept(&["$0"]));
        assert_eq!(kept("(t.a = 5)"), "( a = 5 )");
        assert_eq!(kept("(a > $0)"), kept("(a > (InitPlan 4).col1)"));
        assert_eq!(kept("(a > $1)"), "( a > $1 )");
    }

    #[test]
    fn splits_at_and() {
        let hidden = |expression, own: &[&str]| parts(expression, own, Constants::Hidden);
        assert_eq!(
            hidden("((t.a = 5) AND ((b > 1) OR (c AND d)))", &["t"]),
            ["( a = ? )", "( ( b > ? ) OR ( c AND d ) )"]
        );
        assert_eq!(hidden("(a = 5)", &[]), ["( a = ? )"]);
        assert_eq!(hidden("(a) AND (b)", &[]), ["( a ) AND ( b )"]);
        assert_eq!(hidden("flag", &[]), ["flag"]);
    }

    proptest! {
        #[test]
        fn any_text_has_a_normal_form(text in "[a-zE$'\"\\[\\](){}.,:0-9 =ü]{0,40}|\\PC*") {
            let _ = parts(&text, &["a"], Constants::Hidden);
            let _ = normal(&text, &["a"], Constants::Kept(&[]));
        }

        #[test]
        fn constants_do_not_matter(a in any::<i32>(), b in any::<i32>(), text in "[^']*", other in "[^']*") {
            let expression = |n: i32, text: &str| format!("((x = {}) AND (y = '{text}'::text))", n.unsigned_abs());
            let normal = |n, text: &str| normal(&expression(n, text), &[], Constants::Hidden);
            prop_assert_eq!(normal(a, &text), normal(b, &other));
        }
    }
}
