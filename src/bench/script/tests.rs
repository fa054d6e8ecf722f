use proptest::prelude::*;

use super::*;

fn source(text: &str) -> Source {
    Source { name: "s.sql".to_owned(), text: text.to_owned(), weight: 1.0 }
}

fn scripts(text: &str) -> Scripts {
    Scripts::new(&[source(text)], &[]).unwrap_or_else(|error| panic!("{error}"))
}

/// What is wrong with a script, and the hint.
fn fault(text: &str) -> String {
    let error = Scripts::new(&[source(text)], &[]).expect_err(text);
    let hint = error.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{error}{hint}")
}

/// Runs a script without a server; returns its statements with the values of their variables.
fn run(text: &str) -> Vec<String> {
    let scripts = scripts(text);
    let (script, mut variables) = (&scripts.scripts[0], scripts.variables(3));
    let (mut place, mut draws, mut done) = (0, Draws::new(1), Vec::new());
    loop {
        done.push(match script.next(&mut place, &mut variables, &mut draws) {
            Ok(Next::End) => return done,
            Ok(Next::Statement(number)) => {
                let (text, numbers) = script.statements[number].with_parameters().unwrap();
                let value = |number| {
                    let mut text = String::new();
                    if variables.write(number, &mut text) { text } else { "null".to_owned() }
                };
                let values: Vec<String> = numbers.into_iter().map(value).collect();
                if values.is_empty() { text } else { format!("{text} [{}]", values.join(" ")) }
            }
            Ok(other) => format!("{other:?}"),
            Err(stop) => {
                done.push(scripts.describe(0, stop));
                return done;
            }
        });
    }
}

/// The value of an expression.
fn value(expression: &str) -> String {
    let done = run(&format!("\\set x {expression}\nSELECT :x;"));
    done[0]
        .strip_prefix("SELECT $1 [")
        .map_or(done[0].clone(), |value| value.trim_end_matches(']').to_owned())
}

#[test]
fn expressions_have_the_values_of_pgbench() {
    for (expression, expected) in [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("-2 * -3", "6"),
        ("- 7 / 2", "-3"),
        ("-7 % 3", "-1"),
        ("7.0 / 2", "3.5"),
        ("1 - 2 - 3", "-4"),
        ("2 - - - 3", "-1"),
        ("5 % 0 IS NULL", "s.sql:1: division by zero"),
        ("1 | 2 << 3", "24"),
        ("~ 1 + 2", "-4"),
        ("~ 1 | 4", "-2"),
        ("6 & 3 # 1", "3"),
        ("1 = 1 AND NOT 2 > 3", "true"),
        ("NOT 1 = 2", "true"),
        ("true OR 1 / 0 = 1", "true"),
        ("false AND 1 / 0 = 1", "false"),
        ("NULL AND false", "null"),
        ("1 + NULL", "null"),
        ("NULL IS NULL", "true"),
        ("1 IS NOT NULL", "true"),
        ("1 ISNULL OR 1 NOTNULL", "true"),
        ("1 = 2 IS FALSE", "true"),
        ("1 <> 2 = true", "s.sql:1:15: \"=\" follows another comparison"),
        ("1 != 2", "true"),
        ("2 >= 2.0", "true"),
        ("CASE WHEN 1 > 2 THEN 3 WHEN 0 THEN 4 ELSE 5 END", "5"),
        ("case when null then 1 end", "null"),
        ("abs(-17) + abs(-0.5)", "17.5"),
        ("greatest(5, 4, 3, 2) + least(5, 4.0, 3, 2)", "7"),
        ("double(5432)", "5432"),
        ("int(5.4 + 3.8)", "9"),
        ("int(2.5) + int(3.5)", "6"),
        ("pi()", "3.14159265358979"),
        ("sqrt(2.0)", "1.4142135623731"),
        ("exp(1.0)", "2.71828182845905"),
        ("ln(2.718281828459045)", "1"),
        ("mod(54, 32)", "22"),
        ("pow(2.0, 10) + power(2, 10)", "2048"),
        ("hash(10, 5432)", "-5817877081768721676"),
        ("hash_fnv1a(10, 5432)", "-7793829335365542153"),
        ("hash_murmur2(10, 5432)", "-5817877081768721676"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("9223372036854775807 + 1", "s.sql:1: bigint out of range in addition"),
        ("-9223372036854775808 / -1", "s.sql:1: bigint out of range in division"),
        ("-9223372036854775808 % -1", "0"),
        ("1 << 65", "2"),
        (".5e1 + 1.", "6"),
        ("true + 1", "s.sql:1: cannot coerce boolean to int"),
        ("1 AND true", "s.sql:1: cannot coerce int to boolean"),
        ("int(1e300)", "s.sql:1: double 1e+300 is out of range for an integer"),
        ("random(2, 1)", "s.sql:1: empty range given to random"),
        ("random(0, 9223372036854775807)", "s.sql:1: random range is too large"),
        ("random_gaussian(1, 2, 1.9)", "s.sql:1: gaussian parameter must be at least 2, not 1.9"),
        ("random_zipfian(1, 2, 1)", "s.sql:1: zipfian parameter must be from 1.001 to 1000, not 1"),
        ("random_exponential(1, 2, 0)", "s.sql:1: exponential parameter must be above 0, not 0"),
        (
            "random(4, 4) + random_zipfian(4, 4, 2) + random_gaussian(4, 4, 2) + random_exponential(4, 4, 2)",
            "16",
        ),
        (":client_id + 1", "4"),
    ] {
        let is_fault = expected.starts_with("s.sql:1:1");
        let found = if is_fault {
            fault(&format!("\\set x {expression}\nSELECT 1;")).split(" (").next().unwrap().to_owned()
        } else {
            value(expression)
        };
        assert_eq!(found, expected, "{expression}");
    }
}

#[test]
fn wrong_expressions_are_refused_with_their_place() {
    for (expression, expected) in [
        ("", "s.sql:1:7: the expression ends too early"),
        ("1 +", "s.sql:1:11: the expression ends too early"),
        ("1 2", "s.sql:1:10: unexpected \"2\""),
        ("(1", "s.sql:1:10: expected \")\", not the end"),
        ("1 $ 2", "s.sql:1:10: unexpected character '$'"),
        ("é(1)", "s.sql:1:8: unknown function \"é\" (A variable is written with a colon: `:é`.)"),
        ("randon(1, 2)", "s.sql:1:8: unknown function \"randon\" (Did you mean `random`?)"),
        ("random(1)", "s.sql:1:8: random () has 1 arguments, but takes 2"),
        ("least()", "s.sql:1:8: least () has 0 arguments, but takes 1 to 16"),
        ("permute(1)", "s.sql:1:8: permute () has 1 arguments, but takes 2 or 3"),
        (
            "debug(1)",
            "s.sql:1:8: debug () would print at every execution of a load (Leave its argument alone in its place.)",
        ),
        ("9223372036854775808", "s.sql:1:8: bigint constant 9223372036854775808 is out of range"),
        ("1e999", "s.sql:1:8: double constant 1e999 is out of range"),
        ("CASE 1 END", "s.sql:1:13: expected \"WHEN\", not \"1\""),
        ("1 IS 2", "s.sql:1:13: IS is followed by NULL, TRUE or FALSE, and NOT before them"),
        (":", "s.sql:1:8: a colon without the name of a variable"),
        (
            "1 + :ad",
            "s.sql:1:12: undefined variable \"ad\" (Set it by `\\set ad …` before, or with `-D ad=VALUE`.)",
        ),
    ] {
        assert_eq!(fault(&format!("\\set x {expression}\nSELECT 1;")), expected, "{expression}");
    }
    let deep = format!("\\set x {}1{}\nSELECT 1;", "(".repeat(10_000), ")".repeat(10_000));
    assert!(fault(&deep).contains("more than 200 operations"));
    let long = format!("\\set x 1{}\nSELECT 1;", " + 1".repeat(10_000));
    assert!(fault(&long).contains("more than 200 operations"));
}

#[test]
fn conditions_choose_branches() {
    let script = |x: i64| {
        run(&format!(
            "\\set x {x}\n\\if :x = 1\nSELECT 'one';\n\\elif :x = 2\n\\if true\nSELECT 'two';\n\\endif\n\\elif :x = 3\n\
             \\else\nSELECT 'other';\n\\endif\nSELECT 'end';"
        ))
    };
    assert_eq!(script(1), ["SELECT 'one'", "SELECT 'end'"]);
    assert_eq!(script(2), ["SELECT 'two'", "SELECT 'end'"]);
    assert_eq!(script(3), ["SELECT 'end'"]);
    assert_eq!(script(4), ["SELECT 'other'", "SELECT 'end'"]);
}

#[test]
fn commands_come_in_their_order() {
    assert_eq!(
        run(
            "\\set n 2\n\\sleep 10 ms\n\\sleep :n us\n\\SLEEP 3\n\\sleep 1ms\n\\startpipeline\nSELECT 1;\n\\syncpipeline\n\\endpipeline\n"
        ),
        [
            "Sleep(10ms)",
            "Sleep(2µs)",
            "Sleep(3s)",
            "Sleep(1ms)",
            "StartPipeline",
            "SELECT 1",
            "SyncPipeline",
            "EndPipeline"
        ]
    );
}

#[test]
fn variables_are_told_from_casts_quotes_and_comments() {
    assert_eq!(
        run(
            "\\set x 1\n\\set big 1.5 \\\n  * 2\nSELECT :x::int, '12:30'::time, a[1:n], a[:x : 2], \"b::x\", ':none' -- :x\n  , :big;"
        ),
        ["SELECT $1::int, '12:30'::time, a[1:n], a[$2 : 2], \"b::x\", ':none' -- :x\n  , $3 [1 1 3]"]
    );
    assert_eq!(run("\\set x NULL\nSELECT :x \\; SELECT '\\;';"), ["SELECT $1 ; SELECT '\\;' [null]"]);
    let quoted = scripts("\\set x 1\nSELECT ':x';");
    let quoted = quoted.scripts[0].statements[0].with_parameters();
    assert_eq!(quoted, Err(QuotedVariable { name: ":x".to_owned() }));
}

#[test]
fn results_become_variables_that_somebody_uses() {
    let scripts = scripts(
        "SELECT 1 AS one, 2 AS two \\gset p_\nSELECT :p_one;\nSELECT 3 AS p_two \\; SELECT 4 \\aset\nSELECT :p_two;",
    );
    let assigned = |number: usize| match &scripts.scripts[0].statements[number].results {
        Results::Dropped => Vec::new(),
        Results::Row(assigned) | Results::Rows(assigned) => {
            assigned.iter().map(|assigned| assigned.column.as_str()).collect()
        }
    };
    assert_eq!(assigned(0), ["one", "two"]);
    assert!(assigned(1).is_empty());
    assert!(assigned(2).contains(&"p_two"));
    assert_eq!(scripts.scripts[0].statements[3].line, 4);
    let unset = run("SELECT 1 AS one \\gset\nSELECT 1;\n\\set x :one + 1\n");
    assert_eq!(unset.last().unwrap(), "s.sql:3: variable \"one\" has no value yet");
}

#[test]
fn wrong_commands_are_refused_with_their_place() {
    for (script, expected) in [
        ("", "s.sql:1:1: the script has no SQL statement (A load consists of statements.)"),
        ("SELECT 1;\n\\foo", "s.sql:2:1: unknown command \\foo"),
        ("SELECT 1;\n  \\endi", "s.sql:2:3: unknown command \\endi (Did you mean `\\endif`?)"),
        ("\\set", "s.sql:1:5: \\set lacks the name of a variable and an expression"),
        ("\\set 1x 2", "s.sql:1:6: \"1x\" is no name of a variable"),
        ("\\setrandom x 1 2", "s.sql:1:1: \\setrandom is gone since pgbench 9.6"),
        ("\\setshell x true", "s.sql:1:1: \\setshell is not run"),
        ("\\shell true", "s.sql:1:1: \\shell is not run"),
        ("\\sleep", "s.sql:1:7: \\sleep lacks a time"),
        ("\\sleep 1 h", "s.sql:1:10: \"h\" is no unit of time"),
        ("\\sleep x", "s.sql:1:8: \"x\" is no unit"),
        ("\\sleep 1 s s", "s.sql:1:12: \\sleep has too many arguments"),
        ("\\else", "s.sql:1:1: \\else without \\if"),
        ("\\endif", "s.sql:1:1: \\endif without \\if"),
        ("\\if true\n\\else\n\\elif true\n\\endif", "s.sql:3:1: \\elif after \\else"),
        ("SELECT 1;\n\\if true", "s.sql:2:1: \\if without \\endif"),
        ("\\endif now", "s.sql:1:8: \\endif has too many arguments"),
        ("\\gset", "s.sql:1:1: \\gset must follow an SQL statement"),
        ("SELECT 1 \\gset\n\\gset", "s.sql:2:1: \\gset must follow an SQL statement"),
        ("SELECT 1 \\gset a b", "s.sql:1:18: \\gset has too many arguments"),
        ("\\startpipeline\nSELECT 1;", "s.sql:1:1: the script ends within a pipeline"),
        ("\\startpipeline\n\\startpipeline", "s.sql:2:1: the pipeline of line 1 is still open"),
        ("\\endpipeline", "s.sql:1:1: \\endpipeline outside of a pipeline"),
        ("\\startpipeline\nSELECT 1 \\gset", "s.sql:2:10: \\gset within a pipeline"),
        ("\\set aid 1\nSELECT :ad;", "s.sql:2:8: undefined variable \"ad\" (Did you mean `:aid`?)"),
    ] {
        let found = fault(script);
        assert!(found.starts_with(expected), "{script:?}: {found}");
    }
}

#[test]
fn scripts_share_their_variables() {
    let sources = [source("\\set x :given * 2\nSELECT 1;"), source("SELECT :x, :client_id;")];
    let defined = [("given".to_owned(), "4".to_owned()), ("client_id".to_owned(), "9".to_owned())];
    let scripts = Scripts::new(&sources, &defined).unwrap();
    let (mut variables, mut draws) = (scripts.variables(0), Draws::new(1));
    assert_eq!(scripts.scripts[0].next(&mut 0, &mut variables, &mut draws), Ok(Next::Statement(0)));
    let (_, numbers) = scripts.scripts[1].statements[0].with_parameters().unwrap();
    let mut text = String::new();
    for number in numbers {
        variables.write(number, &mut text);
    }
    assert_eq!(text, "89");
}

#[test]
fn built_in_scripts_can_be_run() {
    for builtin in builtin::BUILTINS {
        let defined = [("scale".to_owned(), "3".to_owned())];
        assert!(Scripts::new(&[source(builtin.text)], &defined).is_ok());
        assert_eq!(builtin::find(&builtin.name[..2]), Some(builtin));
    }
    assert_eq!(builtin::find("s"), None);
    assert_eq!(builtin::find("none"), None);
}

proptest! {
    #[test]
    fn no_text_panics(text in ".*") {
        let _ = Scripts::new(&[source(&text)], &[]);
        let _ = Scripts::new(&[source(&format!("\\set x {text}\nSELECT :x"))], &[]);
        let _ = Scripts::new(&[source(&format!("SELECT {text}\n\\gset {text}"))], &[]);
    }

    #[test]
    fn no_words_panic(words in prop::collection::vec(0usize..40, 0..25)) {
        const WORDS: [&str; 40] = [
            "\\set ", "x ", ":x ", "1 ", "2.5 ", "+ ", "- ", "* ", "/ ", "% ", "( ", ") ", ", ", "random(", "random_zipfian(",
            "permute(", "hash(", "case ", "when ", "then ", "else ", "end ", "null ", "true ", "not ", "is ", "and ", "= ", "<< ",
            "~ ", "\n", "\\if ", "\\elif ", "\\else\n", "\\endif\n", "SELECT 1;\n", "\\gset\n", "\\sleep ", "'", "\\\n",
        ];
        let text: String = words.into_iter().map(|word| WORDS[word]).collect();
        let defined = [("x".to_owned(), "7".to_owned())];
        if let Ok(scripts) = Scripts::new(&[source(&text)], &defined) {
            let (mut place, mut draws, mut variables) = (0, Draws::new(1), scripts.variables(0));
            for _ in 0..100 {
                if !matches!(scripts.scripts[0].next(&mut place, &mut variables, &mut draws), Ok(next) if next != Next::End) {
                    break;
                }
            }
        }
    }
}
