//! Which side the evidence points to, found by looking at the whole matrix.
//!
//! What a trial itself tells counts first. Otherwise, a server that fails a case with every
//! client, while those clients pass it with other servers, is to blame, and the other way
//! round.

use std::{collections::BTreeMap, fmt};

use super::{Judgement, Verdict};
use crate::{manifest::SCRIPTED, role::Role, text::list};

/// A side of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The server.
    Server,
    /// The client.
    Client,
    /// The evidence does not tell.
    Unclear,
}

impl fmt::Display for Side {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Server => "server",
            Self::Client => "client",
            Self::Unclear => "unclear",
        })
    }
}

impl From<Role> for Side {
    fn from(role: Role) -> Self {
        match role {
            Role::Server => Self::Server,
            Role::Client => Self::Client,
        }
    }
}

/// Whom the evidence points to, and what the evidence is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blame {
    /// Whom.
    pub side: Side,
    /// The evidence, in words.
    pub evidence: String,
}

/// The judgement of every cell that ran one case, by server and client.
pub type CaseMatrix<'a> = BTreeMap<(&'a str, &'a str), &'a Judgement>;

const EVERY_CELL_FAILS: &str = "every cell fails it, so the case itself may be wrong";

/// Blames the failure of one cell, given all cells of its case.
#[must_use]
pub fn blame(matrix: &CaseMatrix<'_>, server: &str, client: &str) -> Option<Blame> {
    let judgement = matrix.get(&(server, client))?;
    if !has_failed(judgement)? {
        return None;
    }
    let nobody_passes = !matrix.values().any(|judgement| has_failed(judgement) == Some(false));
    if let Some(side) = judgement.side {
        let evidence = match judgement.testimony {
            Some(seen) => {
                let tried = matrix.values().filter(|judgement| has_failed(judgement).is_some());
                // What a case expects wrongly, every server gives.
                let doubt = match nobody_passes && tried.count() > 1 {
                    true => format!("; {EVERY_CELL_FAILS}"),
                    false => String::new(),
                };
                format!("seen on the wire: {seen}{doubt}")
            }
            None => named_by(judgement, server, client).to_owned(),
        };
        return Some(Blame { side, evidence });
    }
    let real_side = [(server, Side::Client), (client, Side::Server)];
    if let Some((_, side)) = real_side.into_iter().find(|(name, _)| *name == SCRIPTED) {
        return Some(Blame { side, evidence: "the other side is a script".to_owned() });
    }
    let of_server = Record::of(
        Side::Server,
        matrix.iter().filter(|(other, _)| other.0 == server && other.1 != client),
    );
    let of_client = Record::of(
        Side::Client,
        matrix.iter().filter(|(other, _)| other.1 == client && other.0 != server),
    );
    let (server_share, client_share) = (of_server.failed_share(), of_client.failed_share());
    let (side, evidence) = if of_server.is_empty() && of_client.is_empty() {
        (Side::Unclear, "no other cell ran this case".to_owned())
    } else if nobody_passes {
        (Side::Unclear, EVERY_CELL_FAILS.to_owned())
    } else if server_share > client_share {
        let evidence =
            [of_server.say("it", "client"), of_client.say(&format!("client {client}"), "server")];
        (Side::Server, join(evidence))
    } else if client_share > server_share {
        let evidence =
            [of_client.say("it", "server"), of_server.say(&format!("server {server}"), "client")];
        (Side::Client, join(evidence))
    } else {
        let evidence = [
            of_server.say(&format!("server {server}"), "client"),
            of_client.say(&format!("client {client}"), "server"),
        ];
        (Side::Unclear, join(evidence))
    };
    Some(Blame { side, evidence })
}

/// By what a trial names a side, if not by its bytes alone.
fn named_by(judgement: &Judgement, server: &str, client: &str) -> &'static str {
    match judgement.verdict {
        Verdict::Fail | Verdict::Known if !judgement.violations.is_empty() => "seen on the wire",
        _ if server == SCRIPTED || client == SCRIPTED => "the other side is a script",
        _ => "seen of that process itself",
    }
}

/// How one peer did in the other cells.
struct Record<'a> {
    failed: Vec<&'a str>,
    passed: Vec<&'a str>,
}

impl<'a> Record<'a> {
    /// The record of one side's peer, in cells with other peers on the other side.
    fn of(
        side: Side,
        cells: impl Iterator<Item = (&'a (&'a str, &'a str), &'a &'a Judgement)>,
    ) -> Self {
        let mut record = Self { failed: Vec::new(), passed: Vec::new() };
        for (&(server, client), judgement) in cells {
            // A failure that names the other side is no evidence against this one.
            if judgement.side.is_some_and(|named| named != side) {
                continue;
            }
            let other = if side == Side::Server { client } else { server };
            match has_failed(judgement) {
                Some(true) => record.failed.push(other),
                Some(false) => record.passed.push(other),
                None => {}
            }
        }
        record
    }

    fn is_empty(&self) -> bool {
        self.failed.is_empty() && self.passed.is_empty()
    }

    /// The share of failures; without any other cell it is taken to be a half,
    /// so that the other side's record decides.
    fn failed_share(&self) -> Share {
        if self.is_empty() {
            return Share { failed: 1, cells: 2 };
        }
        Share { failed: self.failed.len(), cells: self.failed.len() + self.passed.len() }
    }

    fn say(&self, who: &str, others: &str) -> Option<String> {
        let others = |names: &[&str]| {
            let plural = if names.len() == 1 { "" } else { "s" };
            format!("{others}{plural} {}", list(names))
        };
        match (&self.failed[..], &self.passed[..]) {
            ([], []) => None,
            (failed, []) => Some(format!("{who} also fails with {}", others(failed))),
            ([], passed) => Some(format!("{who} passes with {}", others(passed))),
            (failed, passed) => Some(format!(
                "{who} also fails with {} and passes with {}",
                others(failed),
                others(passed)
            )),
        }
    }
}

/// A share of failures, compared without rounding.
struct Share {
    failed: usize,
    cells: usize,
}

impl PartialEq for Share {
    fn eq(&self, other: &Self) -> bool {
        self.failed * other.cells == other.failed * self.cells
    }
}

impl PartialOrd for Share {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        (self.failed * other.cells).partial_cmp(&(other.failed * self.cells))
    }
}

fn join(parts: [Option<String>; 2]) -> String {
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// `None` for a trial that was not tried.
fn has_failed(judgement: &Judgement) -> Option<bool> {
    match judgement.verdict {
        Verdict::Pass | Verdict::Fixed => Some(false),
        Verdict::Fail | Verdict::Known | Verdict::Hung | Verdict::Crashed => Some(true),
        Verdict::Unsupported | Verdict::Blocked => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a matrix such as `a: pass fail`, servers in lines, clients in columns.
    fn blamed(rows: &[&str], server: &str, client: &str) -> Option<(Side, String)> {
        let verdict = |word: &str| match word {
            "pass" => Verdict::Pass,
            "fail" => Verdict::Fail,
            "hung" => Verdict::Hung,
            "blocked" => Verdict::Blocked,
            _ => panic!("{word}"),
        };
        let cells: Vec<(String, String, Judgement)> = rows
            .iter()
            .flat_map(|row| {
                let (server, verdicts) = row.split_once(": ").unwrap();
                ["a", "b", "c"].iter().zip(verdicts.split(' ')).map(move |(client, word)| {
                    let judgement = Judgement::new(verdict(word), "");
                    (server.to_owned(), (*client).to_owned(), judgement)
                })
            })
            .collect();
        let matrix = cells.iter().map(|(s, c, j)| ((s.as_str(), c.as_str()), j)).collect();
        blame(&matrix, server, client).map(|blame| (blame.side, blame.evidence))
    }

    #[test]
    fn the_evidence_of_the_matrix_decides() {
        let server_a = ["a: fail fail fail", "b: pass pass pass", "c: pass pass pass"];
        let client_a = ["a: fail pass pass", "b: fail pass pass", "c: fail pass pass"];
        let pair = ["a: fail pass pass", "b: pass pass pass", "c: pass pass pass"];
        let all = ["a: fail fail fail", "b: fail fail fail", "c: fail fail fail"];
        let two_servers = ["a: fail fail fail", "b: hung hung hung", "c: pass pass pass"];
        for (name, rows, server, client, expected) in [
            ("a server", &server_a[..], "a", "b", Side::Server),
            ("a server with its own client", &server_a, "a", "a", Side::Server),
            ("a client", &client_a, "b", "a", Side::Client),
            ("a client with its own server", &client_a, "a", "a", Side::Client),
            ("one pair", &pair, "a", "a", Side::Unclear),
            ("all", &all, "a", "a", Side::Unclear),
            ("two servers", &two_servers, "b", "a", Side::Server),
            ("one cell", &["a: fail"], "a", "a", Side::Unclear),
            ("one client, one bad server", &["a: fail", "b: pass"], "a", "a", Side::Server),
            ("one server, one bad client", &["a: fail pass"], "a", "a", Side::Client),
            ("blocked cells are no evidence", &["a: fail blocked"], "a", "a", Side::Unclear),
        ] {
            let (side, evidence) = blamed(rows, server, client).expect(name);
            assert_eq!(side, expected, "{name}: {evidence}");
        }
        assert_eq!(blamed(&server_a, "b", "a"), None);
    }

    /// Server a answers client a wrongly, and something happens with client b.
    #[test]
    fn a_failure_with_an_owner_is_no_evidence_against_the_other_side() {
        let failed = |side| Judgement { side, ..Judgement::new(Verdict::Crashed, "") };
        let (wrong, pass) = (failed(None), Judgement::new(Verdict::Pass, ""));
        for (name, owner, expected) in [
            ("client b crashes by itself", Side::Client, Side::Unclear),
            ("server a crashes too", Side::Server, Side::Server),
        ] {
            let crashed = failed(Some(owner));
            let matrix = CaseMatrix::from([
                (("a", "a"), &wrong),
                (("a", "b"), &crashed),
                (("a", "c"), &pass),
                (("b", "a"), &pass),
                (("c", "a"), &pass),
            ]);
            let blamed = blame(&matrix, "a", "a").unwrap();
            assert_eq!(blamed.side, expected, "{name}: {}", blamed.evidence);
        }
    }

    /// What the bytes tell counts more than the matrix, but the doubt in the case stays.
    #[test]
    fn the_bytes_of_a_trial_count_first() {
        let told = Judgement {
            side: Some(Side::Server),
            testimony: Some("it said so"),
            ..Judgement::new(Verdict::Fail, "")
        };
        let (pass, fail) = (Judgement::new(Verdict::Pass, ""), Judgement::new(Verdict::Fail, ""));
        for (name, others, expected) in [
            ("alone", vec![], "seen on the wire: it said so"),
            ("with others that pass", vec![&pass], "seen on the wire: it said so"),
            (
                "with others that fail",
                vec![&fail, &told],
                "seen on the wire: it said so; every cell fails it, so the case itself may be wrong",
            ),
        ] {
            let mut matrix = CaseMatrix::from([(("a", "a"), &told)]);
            let names = ["b", "c"];
            matrix.extend(names.iter().zip(others).map(|(name, other)| (("a", *name), other)));
            let Blame { side, evidence } = blame(&matrix, "a", "a").unwrap();
            assert_eq!((side, evidence.as_str()), (Side::Server, expected), "{name}");
        }
    }

    #[test]
    fn the_evidence_reads_as_prose() {
        let rows = ["a: fail fail fail", "b: pass pass pass", "c: fail pass pass"];
        let (_, evidence) = blamed(&rows, "a", "a").unwrap();
        assert_eq!(
            evidence,
            "it also fails with clients b and c; client a also fails with server c and passes with server b"
        );
    }
}
