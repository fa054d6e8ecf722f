//! Reads expressions, with pgbench's precedence of operators.

use super::expression::{Expression, Function, MAX_ARGUMENTS};
use super::token::{self, Kind, Token};
use super::value::Value;
use super::{Fault, Names};

/// What nests deeper is refused, so that no evaluation runs out of stack.
const MAX_DEPTH: usize = 200;

/// How tightly operators bind, from loosely to tightly (manual of pgbench, "Built-In Operators").
mod binding {
    pub(super) const OR: u8 = 1;
    pub(super) const AND: u8 = 2;
    pub(super) const NOT: u8 = 3;
    pub(super) const IS: u8 = 4;
    pub(super) const COMPARISON: u8 = 5;
    pub(super) const BITS: u8 = 6;
    pub(super) const SUM: u8 = 7;
    pub(super) const PRODUCT: u8 = 8;
    pub(super) const SIGN: u8 = 9;
}

/// How many arguments a function takes.
enum Arguments {
    Exactly(usize),
    Some,
    /// So many, and a seed that may be absent.
    Seeded(usize),
}

/// Reads all of `text`, which begins at the byte `base` of its script.
pub(super) fn expression(text: &str, base: usize, names: &mut Names) -> Result<Expression, Fault> {
    let tokens = token::tokens(text, base)?;
    let mut parser = Parser { tokens: &tokens, end: base + text.trim_end().len(), names, depth: 0 };
    let (expression, _) = parser.operators(0)?;
    match parser.tokens.first() {
        None => Ok(expression),
        Some(token) => Err(Fault::new(token.at, format!("unexpected {:?}", token.text))),
    }
}

struct Parser<'a, 'n> {
    tokens: &'a [Token<'a>],
    /// The byte after the last token.
    end: usize,
    names: &'n mut Names,
    /// How many calls of `operators` are under way.
    depth: usize,
}

/// An expression with how deep it is.
type Parsed = Result<(Expression, usize), Fault>;

impl<'a> Parser<'a, '_> {
    /// Reads operands and the operators between them that bind tighter than `least`.
    fn operators(&mut self, least: u8) -> Parsed {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.too_deep());
        }
        let mut left = self.operand()?;
        // Comparisons form no chains: `a < b < c` is an error.
        let mut last = u8::MAX;
        while let Some((text, binding)) = self.peek().and_then(operator) {
            if binding <= least {
                break;
            }
            let token = self.take();
            if binding == binding::COMPARISON && last == binding {
                return Err(Fault::new(token.at, format!("{text:?} follows another comparison"))
                    .hint("Put the first of them in parentheses."));
            }
            last = binding;
            left = if binding == binding::IS {
                let (test, is_negated) = self.test(text)?;
                let is = self.call(Function::Is, vec![left, (Expression::Constant(test), 0)])?;
                if is_negated { self.call(Function::Not, vec![is])? } else { is }
            } else {
                let right = self.operators(binding)?;
                let (function, is_swapped) = function_of(text);
                let arguments = if is_swapped { vec![right, left] } else { vec![left, right] };
                self.call(function, arguments)?
            };
        }
        self.depth -= 1;
        Ok(left)
    }

    fn operand(&mut self) -> Parsed {
        let Some(token) = self.next() else {
            return Err(Fault::new(self.end, "the expression ends too early"));
        };
        let constant = |value| Ok((Expression::Constant(value), 0));
        match token.kind {
            Kind::Integer(value) => constant(Value::Integer(value)),
            Kind::Double(value) => constant(Value::Double(value)),
            Kind::SmallestInteger => {
                Err(Fault::new(token.at, format!("bigint constant {} is out of range", token.text)))
            }
            Kind::Variable => Ok((Expression::Variable(self.names.used(token.text, token.at)), 0)),
            Kind::Word => self.word(token),
            Kind::Symbol => match token.text {
                "(" => {
                    let inner = self.operators(0)?;
                    self.expect(")")?;
                    Ok(inner)
                }
                "+" => self.operators(binding::SIGN - 1),
                "-" if self.peek().is_some_and(|next| next.kind == Kind::SmallestInteger) => {
                    self.take();
                    constant(Value::Integer(i64::MIN))
                }
                "-" => self.prefix(Function::Subtract, 0, binding::SIGN - 1),
                "~" => self.prefix(Function::BitXor, -1, binding::BITS),
                other => Err(Fault::new(token.at, format!("unexpected {other:?}"))),
            },
        }
    }

    /// A sign is an operator with another operand before it.
    fn prefix(&mut self, function: Function, before: i64, least: u8) -> Parsed {
        let operand = self.operators(least)?;
        self.call(function, vec![(Expression::Constant(Value::Integer(before)), 0), operand])
    }

    fn word(&mut self, token: &Token<'a>) -> Parsed {
        let constant = |value| Ok((Expression::Constant(value), 0));
        match token.text.to_ascii_lowercase().as_str() {
            "null" => constant(Value::Null),
            "true" => constant(Value::Boolean(true)),
            "false" => constant(Value::Boolean(false)),
            "not" => {
                let operand = self.operators(binding::NOT - 1)?;
                self.call(Function::Not, vec![operand])
            }
            "case" => self.case(),
            name => self.function(name, token),
        }
    }

    fn case(&mut self) -> Parsed {
        let mut parts = Vec::new();
        self.expect("when")?;
        loop {
            parts.push(self.operators(0)?);
            self.expect("then")?;
            parts.push(self.operators(0)?);
            if !self.skip("when") {
                break;
            }
        }
        parts.push(if self.skip("else") {
            self.operators(0)?
        } else {
            (Expression::Constant(Value::Null), 0)
        });
        self.expect("end")?;
        self.call(Function::Case, parts)
    }

    fn function(&mut self, name: &str, token: &Token<'a>) -> Parsed {
        if name == "debug" {
            return Err(Fault::new(token.at, "debug () would print at every execution of a load")
                .hint("Leave its argument alone in its place."));
        }
        let Some((_, function, takes)) = FUNCTIONS.iter().find(|(known, ..)| *known == name) else {
            let fault = Fault::new(token.at, format!("unknown function {:?}", token.text));
            let known = FUNCTIONS.iter().map(|(known, ..)| *known);
            return Err(match super::nearest(name, known) {
                Some(near) => fault.hint(format!("Did you mean `{near}`?")),
                None => fault.hint(format!("A variable is written with a colon: `:{}`.", token.text)),
            });
        };
        self.expect("(")?;
        let mut arguments = Vec::new();
        if !self.skip(")") {
            loop {
                arguments.push(self.operators(0)?);
                if !self.skip(",") {
                    break;
                }
            }
            self.expect(")")?;
        }
        let n = arguments.len();
        let wanted = match takes {
            Arguments::Exactly(wanted) if n != *wanted => wanted.to_string(),
            Arguments::Some if !(1..=MAX_ARGUMENTS).contains(&n) => format!("1 to {MAX_ARGUMENTS}"),
            Arguments::Seeded(least) if n != *least && n != least + 1 => format!("{least} or {}", least + 1),
            Arguments::Seeded(least) if n == *least => {
                arguments.push((Expression::Variable(self.names.used("default_seed", token.at)), 0));
                return self.call(*function, arguments);
            }
            _ => return self.call(*function, arguments),
        };
        Err(Fault::new(token.at, format!("{name} () has {n} arguments, but takes {wanted}")))
    }

    /// Reads what follows `IS`: the value to test for, and whether for another one.
    fn test(&mut self, operator: &str) -> Result<(Value, bool), Fault> {
        match operator {
            "isnull" => return Ok((Value::Null, false)),
            "notnull" => return Ok((Value::Null, true)),
            _ => {}
        }
        let is_negated = self.skip("not");
        for (word, value) in
            [("null", Value::Null), ("true", Value::Boolean(true)), ("false", Value::Boolean(false))]
        {
            if self.skip(word) {
                return Ok((value, is_negated));
            }
        }
        Err(Fault::new(self.here(), "IS is followed by NULL, TRUE or FALSE, and NOT before them"))
    }

    fn call(&self, function: Function, arguments: Vec<(Expression, usize)>) -> Parsed {
        let depth = 1 + arguments.iter().map(|(_, depth)| *depth).max().unwrap_or(0);
        if depth > MAX_DEPTH {
            return Err(self.too_deep());
        }
        let arguments = arguments.into_iter().map(|(argument, _)| argument).collect();
        Ok((Expression::Call(function, arguments), depth))
    }

    fn too_deep(&self) -> Fault {
        Fault::new(self.here(), format!("the expression has more than {MAX_DEPTH} operations in each other"))
            .hint("Compute a part of it by a \\set of its own.")
    }

    fn here(&self) -> usize {
        self.peek().map_or(self.end, |token| token.at)
    }

    fn peek(&self) -> Option<&'a Token<'a>> {
        self.tokens.first()
    }

    fn next(&mut self) -> Option<&'a Token<'a>> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    /// Takes the token that was looked at.
    fn take(&mut self) -> &'a Token<'a> {
        self.next().expect("it was there")
    }

    fn skip(&mut self, text: &str) -> bool {
        let is_there = self.peek().is_some_and(|token| {
            matches!(token.kind, Kind::Word | Kind::Symbol) && token.text.eq_ignore_ascii_case(text)
        });
        if is_there {
            self.take();
        }
        is_there
    }

    fn expect(&mut self, text: &str) -> Result<(), Fault> {
        if self.skip(text) {
            return Ok(());
        }
        let found = self.peek().map_or_else(|| "the end".to_owned(), |token| format!("{:?}", token.text));
        Err(Fault::new(self.here(), format!("expected {:?}, not {found}", text.to_ascii_uppercase())))
    }
}

/// Returns an operator between two operands, or after one, and how tightly it binds.
fn operator(token: &Token<'_>) -> Option<(&'static str, u8)> {
    if !matches!(token.kind, Kind::Word | Kind::Symbol) {
        return None;
    }
    let known = OPERATORS.iter().find(|(text, ..)| token.text.eq_ignore_ascii_case(text))?;
    Some((known.0, known.1))
}

const OPERATORS: [(&str, u8); 22] = [
    ("or", binding::OR),
    ("and", binding::AND),
    ("is", binding::IS),
    ("isnull", binding::IS),
    ("notnull", binding::IS),
    ("<", binding::COMPARISON),
    (">", binding::COMPARISON),
    ("=", binding::COMPARISON),
    ("<=", binding::COMPARISON),
    (">=", binding::COMPARISON),
    ("<>", binding::COMPARISON),
    ("!=", binding::COMPARISON),
    ("|", binding::BITS),
    ("#", binding::BITS),
    ("&", binding::BITS),
    ("<<", binding::BITS),
    (">>", binding::BITS),
    ("+", binding::SUM),
    ("-", binding::SUM),
    ("*", binding::PRODUCT),
    ("/", binding::PRODUCT),
    ("%", binding::PRODUCT),
];

/// Returns the function of an operator, and whether its operands change places.
fn function_of(operator: &str) -> (Function, bool) {
    match operator {
        "or" => (Function::Or, false),
        "and" => (Function::And, false),
        "<" => (Function::Less, false),
        ">" => (Function::Less, true),
        "<=" => (Function::LessOrEqual, false),
        ">=" => (Function::LessOrEqual, true),
        "=" => (Function::Equal, false),
        "<>" | "!=" => (Function::NotEqual, false),
        "|" => (Function::BitOr, false),
        "#" => (Function::BitXor, false),
        "&" => (Function::BitAnd, false),
        "<<" => (Function::ShiftLeft, false),
        ">>" => (Function::ShiftRight, false),
        "+" => (Function::Add, false),
        "-" => (Function::Subtract, false),
        "*" => (Function::Multiply, false),
        "/" => (Function::Divide, false),
        _ => (Function::Mod, false),
    }
}

const FUNCTIONS: [(&str, Function, Arguments); 20] = [
    ("abs", Function::Abs, Arguments::Exactly(1)),
    ("double", Function::Double, Arguments::Exactly(1)),
    ("exp", Function::Exp, Arguments::Exactly(1)),
    ("greatest", Function::Greatest, Arguments::Some),
    ("hash", Function::HashMurmur2, Arguments::Seeded(1)),
    ("hash_fnv1a", Function::HashFnv1a, Arguments::Seeded(1)),
    ("hash_murmur2", Function::HashMurmur2, Arguments::Seeded(1)),
    ("int", Function::Int, Arguments::Exactly(1)),
    ("least", Function::Least, Arguments::Some),
    ("ln", Function::Ln, Arguments::Exactly(1)),
    ("mod", Function::Mod, Arguments::Exactly(2)),
    ("permute", Function::Permute, Arguments::Seeded(2)),
    ("pi", Function::Pi, Arguments::Exactly(0)),
    ("pow", Function::Power, Arguments::Exactly(2)),
    ("power", Function::Power, Arguments::Exactly(2)),
    ("random", Function::Random, Arguments::Exactly(2)),
    ("random_exponential", Function::RandomExponential, Arguments::Exactly(3)),
    ("random_gaussian", Function::RandomGaussian, Arguments::Exactly(3)),
    ("random_zipfian", Function::RandomZipfian, Arguments::Exactly(3)),
    ("sqrt", Function::Sqrt, Arguments::Exactly(1)),
];
