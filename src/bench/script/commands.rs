//! Backslash commands, and the order that they bring into a script.

use std::ops::Range;
use std::time::Duration;

use super::scan::{self, Piece};
use super::statement::{Results, ScriptStatement};
use super::{Action, Amount, Expression, Fault, Names, Script, Source, Step, line_of, parser, token};

/// Reads a script.
pub(super) fn script(source: &Source, names: &mut Names) -> Result<Script, Fault> {
    let text = &source.text;
    if let Some(at) = text.find('\0') {
        return Err(Fault::new(at, "the script holds a zero byte"));
    }
    let mut reader =
        Reader { text, names, steps: Vec::new(), statements: Vec::new(), blocks: Vec::new(), pipeline: None };
    for piece in scan::pieces(text) {
        match piece {
            Piece::Sql(range) => reader.statement(range),
            Piece::Command(range) => reader.command(range)?,
        }
    }
    if let Some(block) = reader.blocks.pop() {
        return Err(Fault::new(block.at, "\\if without \\endif").hint("End it by an \\endif."));
    }
    if let Some(at) = reader.pipeline {
        return Err(
            Fault::new(at, "the script ends within a pipeline").hint("End the pipeline by an \\endpipeline.")
        );
    }
    if reader.statements.is_empty() {
        return Err(Fault::new(0, "the script has no SQL statement").hint("A load consists of statements."));
    }
    let Reader { steps, statements, .. } = reader;
    Ok(Script { name: source.name.clone(), weight: source.weight, statements, steps })
}

/// Settles what can only be told once all scripts are read: which names are variables.
pub(super) fn resolve(script: &mut Script, names: &Names) {
    for statement in &mut script.statements {
        statement.keep_known(names);
        if let Results::Row(assigned) | Results::Rows(assigned) = &mut statement.results {
            // Until now it holds the prefix alone.
            let prefix = assigned.pop().map(|prefix| prefix.column).unwrap_or_default();
            *assigned = names.of_columns(&prefix);
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    names: &'a mut Names,
    steps: Vec<Step>,
    statements: Vec<ScriptStatement>,
    blocks: Vec<Block>,
    /// Where the pipeline begins that is open.
    pipeline: Option<usize>,
}

/// An `\if` that has no `\endif` yet.
struct Block {
    at: usize,
    /// The condition whose alternative comes next; `None` after `\else`.
    condition: Option<usize>,
    /// Branches before, which go on at the end.
    ends: Vec<usize>,
}

/// A word of a command with its place.
#[derive(Clone, Copy)]
struct Word<'a> {
    at: usize,
    text: &'a str,
}

const COMMANDS: [&str; 12] = [
    "set",
    "gset",
    "aset",
    "if",
    "elif",
    "else",
    "endif",
    "sleep",
    "startpipeline",
    "syncpipeline",
    "endpipeline",
    "shell",
];

impl Reader<'_> {
    fn statement(&mut self, range: Range<usize>) {
        let line = line_of(self.text, range.start);
        self.statements.push(ScriptStatement::new(self.text, range, line, self.names));
        self.step(line, Action::Statement(self.statements.len() - 1));
    }

    fn step(&mut self, line: usize, action: Action) {
        self.steps.push(Step { line, action });
    }

    /// Reads a command, whose backslash is just before `range`.
    fn command(&mut self, range: Range<usize>) -> Result<(), Fault> {
        let at = range.start - 1;
        // A line goes on behind a backslash at its end.
        let line = self.text[range.clone()].replace("\\\r\n", "   ").replace("\\\n", "  ");
        let words = words(&line, range.start);
        let Some((command, arguments)) = words.split_first() else { return Ok(()) };
        let number = line_of(self.text, at);
        // What follows the first word, and what follows the second.
        let rest = |word: Option<&Word<'_>>| {
            let from = word.map_or(line.len(), |word| word.at + word.text.len() - range.start);
            (line[from..].to_owned(), range.start + from)
        };
        match (command.text.to_ascii_lowercase().as_str(), arguments) {
            ("set", []) => return Err(missing(command, "the name of a variable and an expression")),
            ("set", [name, ..]) => {
                check_name(name.text, name.at)?;
                let (text, base) = rest(Some(name));
                let expression = parser::expression(&text, base, self.names)?;
                let variable = self.names.set(name.text);
                self.step(number, Action::Set(variable, expression));
            }
            ("if", _) => {
                let condition = self.condition(&rest(Some(command)))?;
                self.blocks.push(Block { at, condition: Some(self.steps.len()), ends: Vec::new() });
                self.step(number, Action::Unless(condition, usize::MAX));
            }
            ("elif", _) => {
                self.branch(at, "\\elif", number)?;
                let condition = self.condition(&rest(Some(command)))?;
                let step = self.steps.len();
                self.step(number, Action::Unless(condition, usize::MAX));
                if let Some(block) = self.blocks.last_mut() {
                    block.condition = Some(step);
                }
            }
            ("else", []) => self.branch(at, "\\else", number)?,
            ("endif", []) => self.end_block(at)?,
            ("sleep", arguments) => {
                let (amount, unit) = self.sleep(command, arguments)?;
                self.step(number, Action::Sleep(amount, unit));
            }
            ("gset", arguments @ ([] | [_])) => self.results(at, arguments, false)?,
            ("aset", arguments @ ([] | [_])) => self.results(at, arguments, true)?,
            ("startpipeline", []) => {
                if let Some(first) = self.pipeline.replace(at) {
                    let line = line_of(self.text, first);
                    return Err(Fault::new(at, format!("the pipeline of line {line} is still open"))
                        .hint("End it by an \\endpipeline before."));
                }
                self.step(number, Action::StartPipeline);
            }
            ("syncpipeline", []) if self.pipeline.is_some() => self.step(number, Action::SyncPipeline),
            ("endpipeline", []) if self.pipeline.take().is_some() => self.step(number, Action::EndPipeline),
            ("syncpipeline" | "endpipeline", []) => {
                return Err(Fault::new(at, format!("\\{} outside of a pipeline", command.text))
                    .hint("A pipeline begins with \\startpipeline."));
            }
            ("shell" | "setshell", _) => {
                return Err(Fault::new(at, format!("\\{} is not run", command.text)).hint(
                    "A shell command would hold up every other connection of its thread, and be measured with the server: \
                     compute the value by \\set, take it from the server by \\gset, or give it with -D.",
                ));
            }
            ("setrandom", _) => {
                return Err(Fault::new(at, "\\setrandom is gone since pgbench 9.6")
                    .hint("Write `\\set name random(min, max)`, or random_gaussian, random_exponential, random_zipfian."));
            }
            (known, arguments) if COMMANDS.contains(&known) => {
                let extra = arguments.last().unwrap_or(command);
                return Err(Fault::new(extra.at, format!("\\{known} has too many arguments")));
            }
            (unknown, _) => {
                let fault = Fault::new(at, format!("unknown command \\{}", command.text));
                return Err(match super::nearest(unknown, COMMANDS.into_iter()) {
                    Some(near) => fault.hint(format!("Did you mean `\\{near}`?")),
                    None => {
                        fault.hint("Scripts are those of pgbench; psql's other commands are not known to it.")
                    }
                });
            }
        }
        Ok(())
    }

    fn condition(&mut self, (text, base): &(String, usize)) -> Result<Expression, Fault> {
        parser::expression(text, *base, self.names)
    }

    /// Ends the branch before, and begins another one of the innermost `\if`.
    fn branch(&mut self, at: usize, command: &str, line: usize) -> Result<(), Fault> {
        let here = self.steps.len();
        let Some(block) = self.blocks.last_mut() else {
            return Err(Fault::new(at, format!("{command} without \\if")));
        };
        let Some(condition) = block.condition.take() else {
            return Err(Fault::new(at, format!("{command} after \\else")));
        };
        block.ends.push(here);
        self.step(line, Action::Goto(usize::MAX));
        self.lead(condition, here + 1);
        Ok(())
    }

    fn end_block(&mut self, at: usize) -> Result<(), Fault> {
        let block = self.blocks.pop().ok_or_else(|| Fault::new(at, "\\endif without \\if"))?;
        let here = self.steps.len();
        for step in block.ends.into_iter().chain(block.condition) {
            self.lead(step, here);
        }
        Ok(())
    }

    /// Lets a step go on at `target`.
    fn lead(&mut self, step: usize, target: usize) {
        if let Action::Unless(_, to) | Action::Goto(to) = &mut self.steps[step].action {
            *to = target;
        }
    }

    fn sleep(&mut self, command: &Word<'_>, arguments: &[Word<'_>]) -> Result<(Amount, Duration), Fault> {
        let (amount, unit) = match arguments {
            [] => return Err(missing(command, "a time")),
            [both] if !both.text.starts_with(':') => {
                let digits = both.text.trim_start_matches(['+', '-']);
                let n = both.text.len() - digits.trim_start_matches(|c: char| c.is_ascii_digit()).len();
                let unit = Word { at: both.at + n, text: &both.text[n..] };
                (Word { at: both.at, text: &both.text[..n] }, Some(unit).filter(|unit| !unit.text.is_empty()))
            }
            [amount] => (*amount, None),
            [amount, unit] => (*amount, Some(*unit)),
            [_, _, extra, ..] => return Err(Fault::new(extra.at, "\\sleep has too many arguments")),
        };
        let unit = match unit.map(|unit| (unit.at, unit.text.to_ascii_lowercase())) {
            None => Duration::from_secs(1),
            Some((at, unit)) => match unit.as_str() {
                "s" => Duration::from_secs(1),
                "ms" => Duration::from_millis(1),
                "us" => Duration::from_micros(1),
                other => {
                    return Err(
                        Fault::new(at, format!("{other:?} is no unit of time")).hint("Write us, ms or s.")
                    );
                }
            },
        };
        if let Some(name) = amount.text.strip_prefix(':') {
            check_name(name, amount.at)?;
            return Ok((Amount::Variable(self.names.used(name, amount.at)), unit));
        }
        let n: i64 = amount
            .text
            .parse()
            .map_err(|_| Fault::new(amount.at, format!("{:?} is no whole number", amount.text)))?;
        let n = u32::try_from(n.max(0))
            .map_err(|_| Fault::new(amount.at, format!("nobody waits for {n} of these")))?;
        Ok((Amount::Fixed(n), unit))
    }

    /// Notes what happens to the results of the statement just before.
    fn results(&mut self, at: usize, arguments: &[Word<'_>], all: bool) -> Result<(), Fault> {
        let command = if all { "\\aset" } else { "\\gset" };
        if self.pipeline.is_some() {
            return Err(Fault::new(at, format!("{command} within a pipeline"))
                .hint("The value is not there before \\endpipeline: run the statement before or after the pipeline."));
        }
        let prefix = arguments.first().map_or("", |word| word.text);
        if !prefix.is_empty() {
            check_name(prefix, arguments[0].at)?;
        }
        let follows = matches!(self.steps.last(), Some(Step { action: Action::Statement(_), .. }));
        match self.statements.last_mut() {
            Some(statement) if follows && statement.results == Results::Dropped => {
                // The columns are known once all scripts are read.
                let assigned = vec![super::Assigned { column: prefix.to_owned(), variable: usize::MAX }];
                statement.results = if all { Results::Rows(assigned) } else { Results::Row(assigned) };
                self.names.set_by_columns(prefix);
                Ok(())
            }
            _ => Err(Fault::new(at, format!("{command} must follow an SQL statement"))
                .hint("Write it at the statement's end, in the place of the semicolon.")),
        }
    }
}

fn missing(command: &Word<'_>, what: &str) -> Fault {
    Fault::new(command.at + command.text.len(), format!("\\{} lacks {what}", command.text))
}

fn check_name(name: &str, at: usize) -> Result<(), Fault> {
    if token::is_name(name) {
        return Ok(());
    }
    Err(Fault::new(at, format!("{name:?} is no name of a variable"))
        .hint("A name consists of letters, digits and underscores, and does not begin with a digit."))
}

/// Splits a line at its spaces.
fn words(line: &str, base: usize) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start();
        let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
        if length == 0 {
            return words;
        }
        words.push(Word { at: base + (line.len() - rest.len()), text: &rest[..length] });
        rest = &rest[length..];
    }
}
