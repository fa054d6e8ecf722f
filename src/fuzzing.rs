//! What the targets in `fuzz/` call: any input, and nothing may panic. Without cargo-fuzz, tests feed them mutations of real input.

use crate::log::{Reader, Sessions};
use crate::trace::{Fingerprint, Statements};

/// Reads any input as plans.
pub fn read_plan(input: &[u8]) {
    _ = crate::plan::read::plans(input);
}

/// Takes any input as a session's bytes.
pub fn converse(input: &[u8]) {
    crate::proxy::converse(input);
}

/// Reads any input as a server log, in two pieces.
pub fn read_log(input: &[u8]) {
    let mut sessions = Sessions::new(Statements::new(|_| Fingerprint(0), None));
    let mut reader = Reader::new(None);
    let (first, second) = input.split_at(input.len() / 2);
    for piece in [first, second] {
        reader.push(piece, &mut |entry| sessions.take(entry, &mut drop));
    }
    let summary = reader.finish(&mut |entry| sessions.take(entry, &mut drop));
    sessions.finish(&mut drop);
    assert_eq!(summary.n_bytes, input.len() as u64, "every byte is read or skipped");
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;
    use std::path::Path;

    use super::*;
    use crate::random;

    /// Inputs are cut to this, so that many fit into a second.
    const MAX_BYTES: usize = 3000;
    const MAX_CHANGES: u64 = 8;

    /// Bytes that draw on one stream of numbers.
    struct Mutator<'s> {
        seeds: &'s [Vec<u8>],
        words: &'s [&'s [u8]],
        stream: u64,
        n: u64,
    }

    impl Mutator<'_> {
        fn below(&mut self, limit: usize) -> usize {
            self.n += 1;
            let drawn = random::below(random::at(self.stream, self.n), limit.max(1) as u64);
            usize::try_from(drawn).unwrap()
        }

        fn input(&mut self) -> Vec<u8> {
            let seed = self.below(self.seeds.len());
            let seed = &self.seeds[seed];
            let start = if seed.len() > MAX_BYTES { self.below(seed.len() - MAX_BYTES) } else { 0 };
            // Mostly from the beginning, where a format shows.
            let start = if self.below(4) > 0 { 0 } else { start };
            let mut input = seed[start..seed.len().min(start + MAX_BYTES)].to_vec();
            for _ in 0..=random::below(random::at(self.stream, self.n), MAX_CHANGES) {
                self.change(&mut input);
            }
            input
        }

        fn change(&mut self, input: &mut Vec<u8>) {
            let at = self.below(input.len() + 1);
            let n = self.below(40);
            let end = (at + n).min(input.len());
            let byte = u8::try_from(self.below(256)).unwrap();
            match self.below(8) {
                0 => _ = input.drain(at..end),
                1 => input.truncate(at),
                2 => {
                    let again = input[at..end].to_vec();
                    input.splice(at..at, again);
                }
                3 => {
                    let word = self.below(self.words.len());
                    input.splice(at..at, self.words[word].iter().copied());
                }
                4 => {
                    let other = self.below(self.seeds.len());
                    let other = &self.seeds[other];
                    let from = self.below(other.len());
                    input.splice(at..at, other[from..other.len().min(from + 4 * n)].iter().copied());
                }
                5 => input.insert(at, byte),
                _ if at < input.len() => {
                    input[at] = if self.below(2) == 0 { byte } else { input[at] ^ (1 << (byte % 8)) };
                }
                _ => {}
            }
        }
    }

    /// Feeds a target so many mutations of its seeds; an input that makes it panic is shown.
    fn feed(target: fn(&[u8]), seeds: &[Vec<u8>], words: &[&[u8]], n_cases: u64) {
        assert!(seeds.iter().any(|seed| !seed.is_empty()));
        for seed in seeds {
            target(seed);
        }
        for case in 0..n_cases {
            let input = Mutator { seeds, words, stream: random::at(1, case), n: 0 }.input();
            let is_taken = catch_unwind(|| target(&input)).is_ok();
            assert!(is_taken, "case {case} panics: {:?}", String::from_utf8_lossy(&input));
        }
    }

    /// Cases of a quick run, or of one as long as `PERFKIT_FUZZ_CASES` says.
    fn n_cases(quick: u64) -> u64 {
        #[expect(clippy::disallowed_methods, reason = "a test has no Environment")]
        let cases = std::env::var("PERFKIT_FUZZ_CASES");
        cases.map_or(quick, |cases| cases.parse().unwrap())
    }

    fn files(folder: &str) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder);
        let mut paths: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths.iter().filter(|path| path.is_file()).map(|path| std::fs::read(path).unwrap()).collect()
    }

    #[test]
    fn no_log_panics() {
        const STDERR: &str = "\
2026-11-22 11:48:11.100 UTC [7] app@shop LOG:  duration: 2.000 ms  parse s1: SELECT a FROM t\n\tWHERE id = $1
2026-11-22 11:48:11.200 UTC [7] app@shop LOG:  duration: 2.000 ms  execute s1: SELECT a FROM t\n\tWHERE id = $1
2026-11-22 11:48:11.200 UTC [7] app@shop DETAIL:  parameters: $1 = '7', $2 = NULL, $3 = 'it''s'
2026-11-22 11:48:11.300 UTC [8] app@shop ERROR:  division by zero
2026-11-22 11:48:11.300 UTC [8] app@shop STATEMENT:  SELECT 1 / 0
2026-11-22 11:48:11.400 UTC [8] app@shop LOG:  statement: BEGIN
2026-11-22 11:48:11.500 UTC [8] app@shop LOG:  duration: 1.250 ms
2026-11-22 11:48:11.600 UTC [8] app@shop LOG:  duration: 3.100 ms  plan:
\tQuery Text: SELECT a FROM t
\tSeq Scan on t  (cost=0.00..1.05 rows=5 width=4) (actual time=0.010..0.020 rows=5 loops=1)
\t  Filter: (a > 1)
2026-11-22 11:48:11.700 UTC [8] app@shop LOG:  disconnection: session time: 0:00:01.100 user=app database=shop host=[local]
";
        const CSV: &str = "\
2026-11-22 11:48:11.123 UTC,\"app\",\"shop\",7,\"[local]\",6561d0f7.7,1,\"SELECT\",2026-11-22 11:48:07 UTC,3/2,0,LOG,00000,\"duration: 1.000 ms  execute <unnamed>: SELECT \"\"a\"\" FROM t\nWHERE id = $1\",\"parameters: $1 = '7'\",,,,,,,,\"psql\",\"client backend\",,0
2026-11-22 11:48:11.223 UTC,\"app\",\"shop\",7,\"[local]\",6561d0f7.7,2,\"idle\",2026-11-22 11:48:07 UTC,3/3,0,ERROR,42601,\"syntax error\",,,,,,\"SELECT nonsense\",8,,\"psql\",\"client backend\",,0
";
        const JSON: &str = r#"{"timestamp":"2026-11-22 11:48:11.123 UTC","user":"app","dbname":"shop","pid":7,"session_id":"6561d0f7.7","line_num":1,"ps":"SELECT","vxid":"3/2","txid":0,"error_severity":"LOG","message":"duration: 1.000 ms  statement: SELECT 'é\u00e9\n'","application_name":"psql","backend_type":"client backend","query_id":0}
{"timestamp":"2026-11-22 11:48:11.223 UTC","pid":7,"session_id":"6561d0f7.7","error_severity":"ERROR","state_code":"22012","message":"division by zero","statement":"SELECT 1/0"}
"#;
        let words: [&[u8]; 12] = [
            b"DETAIL:  parameters: $1 = '",
            b"\nLOG:  duration: 1.000 ms  ",
            b"statement: ",
            b"execute <unnamed>: ",
            b"plan:\n",
            b"\"\"",
            b"\r\n",
            b"\xff",
            "é".as_bytes(),
            b"{\"timestamp\":\"2026-01-01 00:00:00 UTC\",\"pid\":1,",
            b"2026-11-22 11:48:11.123 UTC",
            b"99999999999999999999",
        ];
        let seeds = [STDERR, CSV, JSON].map(|text| text.repeat(2).into_bytes());
        feed(read_log, &seeds, &words, n_cases(1000));
    }

    #[test]
    fn no_plan_panics() {
        let words: [&[u8]; 8] =
            [b"(cost=", b"(actual ", b"->  ", b"rows=", b"\"Plan\": {", b"<Plan>", b"|\n", b"1e999"];
        feed(read_plan, &files("plans/text"), &words, n_cases(100));
    }

    /// Sessions as `converse` takes them: whose turn it is, how long it is, and the bytes.
    fn sessions() -> Vec<Vec<u8>> {
        let message = |tag: u8, body: &[u8]| {
            [&[tag][..], &u32::try_from(body.len() + 4).unwrap().to_be_bytes(), body].concat()
        };
        let opening =
            [message(b'R', &[0; 4]), message(b'K', &[0, 0, 0, 9, 1, 2, 3, 4]), message(b'Z', b"I")].concat();
        let turns = |pairs: &[(Vec<u8>, Vec<u8>)]| {
            let mut session = Vec::new();
            let mut turn = |whose: u8, bytes: &[u8]| {
                for piece in bytes.chunks(127) {
                    session.push(u8::try_from(piece.len() << 1).unwrap() | whose);
                    session.extend(piece);
                }
            };
            turn(1, &opening);
            for (asked, answered) in pairs {
                turn(0, asked);
                turn(1, answered);
            }
            session
        };
        let ready = message(b'Z', b"I");
        let complete = |tag: &str| message(b'C', format!("{tag}\0").as_bytes());
        let query = |sql: &str| message(b'Q', format!("{sql}\0").as_bytes());
        let row = [
            message(b'T', b"\0\x01n\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0"),
            message(b'D', b"\0\x01\0\0\0\x017"),
        ]
        .concat();
        let bound = [
            message(b'P', b"s\0SELECT $1\0\0\x01\0\0\0\x17"),
            message(b'D', b"Ss\0"),
            message(b'B', b"\0s\0\0\x01\0\x01\0\x01\0\0\0\x04\0\0\0\x07\0\0"),
            message(b'E', b"\0\0\0\0\x02"),
            message(b'S', b""),
        ];
        let of_bound = [
            message(b'1', b""),
            message(b't', b"\0\x01\0\0\0\x17"),
            message(b'n', b""),
            message(b'2', b""),
            row.clone(),
            message(b's', b""),
            ready.clone(),
        ];
        let copy = [message(b'd', b"1\n"), message(b'c', b"")].concat();
        vec![
            turns(&[(
                query("SELECT 7; SELECT 8"),
                [row, complete("SELECT 1"), complete("SELECT 1"), ready.clone()].concat(),
            )]),
            turns(&[(bound.concat(), of_bound.concat()), (message(b'C', b"Ss\0"), message(b'3', b""))]),
            turns(&[
                (query("COPY t FROM STDIN"), message(b'G', &[0, 0, 0])),
                (copy, [complete("COPY 1"), ready.clone()].concat()),
            ]),
            turns(&[
                (query("PREPARE a AS SELECT $1"), [complete("PREPARE"), ready.clone()].concat()),
                (query("EXECUTE a ('x')"), [complete("SELECT 1"), ready.clone()].concat()),
                (query("DEALLOCATE \"a\""), [complete("DEALLOCATE"), ready.clone()].concat()),
                (query("SELECT 1/0"), [message(b'E', b"SERROR\0C22012\0Mno\0\0"), ready].concat()),
            ]),
        ]
    }

    #[test]
    fn no_session_panics() {
        let words: [&[u8]; 6] =
            [b"\0\0\0\x04", b"\0\0\0\x05I", b"S\0\0\0\x04", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0"];
        feed(converse, &sessions(), &words, n_cases(5000));
    }
}
