//! Which side the evidence points to, found by looking at the whole matrix.
//!
//! What a trial itself tells counts first. Otherwise, a server that fails a case with every
//! client, while those clients pass it with other servers, is to blame, and the other way
//! round.

use std::collections::BTreeMap;

use super::{Judgement, Seen, Testimony, Verdict};
use crate::{
    finding::{Finding, Side},
    manifest::SCRIPTED,
};

/// Whom the evidence points to, and what the evidence is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blame {
    /// Whom.
    pub side: Side,
    /// What points there.
    pub evidence: Evidence,
}

/// What blame rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// What passed shows it.
    Wire,
    /// What passed, and what the client made of it, shows it.
    Bytes {
        /// What they show.
        seen: Seen,
        /// Whether every cell fails the case, which may itself be wrong then.
        is_doubtful: bool,
    },
    /// The other side is the harness itself.
    Script,
    /// The process itself did it.
    Process,
    /// There is none: no other cell ran the case.
    NoOtherCell,
    /// Every cell fails the case.
    EveryCell,
    /// How the two did in other cells.
    Cells {
        /// The server, with other clients.
        server: Tally,
        /// The client, with other servers.
        client: Tally,
    },
}

/// How one peer did in the other cells, by the names of the peers on the other side.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// With whom it fails, too.
    pub failed: Vec<String>,
    /// With whom it passes.
    pub passed: Vec<String>,
}

/// The judgement of every cell that ran one case, by server and client.
pub type CaseMatrix<'a> = BTreeMap<(&'a str, &'a str), &'a Judgement>;

/// Blames the failure of one cell, given all cells of its case.
#[must_use]
pub fn blame(matrix: &CaseMatrix<'_>, server: &str, client: &str) -> Option<Blame> {
    let judgement = matrix.get(&(server, client))?;
    if !has_failed(judgement)? {
        return None;
    }
    let is_scripted = server == SCRIPTED || client == SCRIPTED;
    let nobody_passes = !matrix.values().any(|judgement| has_failed(judgement) == Some(false));
    if let Some(Finding { kind, side: Some(side), .. }) = judgement.names_side() {
        let evidence = match kind {
            kind if kind.is_of_the_wire() => Evidence::Wire,
            _ if is_scripted => Evidence::Script,
            _ => Evidence::Process,
        };
        return Some(Blame { side: *side, evidence });
    }
    if let Some(Testimony { side, seen }) = judgement.testimony {
        let tried = matrix.values().filter(|judgement| has_failed(judgement).is_some());
        // What a case expects wrongly, every server gives.
        let is_doubtful = nobody_passes && tried.count() > 1;
        return Some(Blame { side, evidence: Evidence::Bytes { seen, is_doubtful } });
    }
    if is_scripted {
        let side = if server == SCRIPTED { Side::Client } else { Side::Server };
        return Some(Blame { side, evidence: Evidence::Script });
    }
    let of_server = Tally::of(
        Side::Server,
        matrix.iter().filter(|(other, _)| other.0 == server && other.1 != client),
    );
    let of_client = Tally::of(
        Side::Client,
        matrix.iter().filter(|(other, _)| other.1 == client && other.0 != server),
    );
    let (server_share, client_share) = (of_server.failed_share(), of_client.failed_share());
    let cells =
        |side| (side, Evidence::Cells { server: of_server.clone(), client: of_client.clone() });
    let (side, evidence) = if of_server.is_empty() && of_client.is_empty() {
        (Side::Unclear, Evidence::NoOtherCell)
    } else if nobody_passes {
        (Side::Unclear, Evidence::EveryCell)
    } else if server_share > client_share {
        cells(Side::Server)
    } else if client_share > server_share {
        cells(Side::Client)
    } else {
        cells(Side::Unclear)
    };
    Some(Blame { side, evidence })
}

impl Tally {
    /// The record of one side's peer, in cells with other peers on the other side.
    fn of<'a>(
        side: Side,
        cells: impl Iterator<Item = (&'a (&'a str, &'a str), &'a &'a Judgement)>,
    ) -> Self {
        let mut tally = Self::default();
        for (&(server, client), judgement) in cells {
            // A failure that names the other side is no evidence against this one.
            if judgement.side().is_some_and(|named| named != side) {
                continue;
            }
            let other = if side == Side::Server { client } else { server }.to_owned();
            match has_failed(judgement) {
                Some(true) => tally.failed.push(other),
                Some(false) => tally.passed.push(other),
                None => {}
            }
        }
        tally
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

/// `None` for a trial that was not tried.
fn has_failed(judgement: &Judgement) -> Option<bool> {
    match judgement.verdict {
        Verdict::Pass | Verdict::Fixed => Some(false),
        Verdict::Fail | Verdict::Known | Verdict::Hung | Verdict::Crashed | Verdict::Flaky => {
            Some(true)
        }
        Verdict::Unsupported | Verdict::Blocked => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::finding::Kind;

    /// Reads a matrix such as `a: pass fail`, servers in lines, clients in columns.
    fn blamed(rows: &[&str], server: &str, client: &str) -> Option<(Side, Evidence)> {
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
                    let judgement = Judgement { verdict: verdict(word), ..Judgement::of(vec![]) };
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
            assert_eq!(side, expected, "{name}: {evidence:?}");
        }
        assert_eq!(blamed(&server_a, "b", "a"), None);
    }

    /// Server a answers client a wrongly, and something happens with client b.
    #[test]
    fn a_failure_with_an_owner_is_no_evidence_against_the_other_side() {
        let failed = |side| {
            let crash = Finding::new(Kind::Crash, Value::Null, Value::Null);
            Judgement::of(vec![Finding { side, ..crash }])
        };
        let (wrong, pass) = (failed(None), Judgement::of(vec![]));
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
            assert_eq!(blamed.side, expected, "{name}: {:?}", blamed.evidence);
        }
    }

    /// What the bytes tell counts more than the matrix, but the doubt in the case stays.
    #[test]
    fn the_bytes_of_a_trial_count_first() {
        let of = |verdict| Judgement { verdict, ..Judgement::of(vec![]) };
        let testimony = Testimony { side: Side::Server, seen: Seen::OwnStatus };
        let told = Judgement { testimony: Some(testimony), ..of(Verdict::Fail) };
        let (pass, fail) = (of(Verdict::Pass), of(Verdict::Fail));
        for (name, others, expected) in [
            ("alone", vec![], false),
            ("with others that pass", vec![&pass], false),
            ("with others that fail", vec![&fail, &told], true),
        ] {
            let mut matrix = CaseMatrix::from([(("a", "a"), &told)]);
            let names = ["b", "c"];
            matrix.extend(names.iter().zip(others).map(|(name, other)| (("a", *name), other)));
            let Blame { side, evidence } = blame(&matrix, "a", "a").unwrap();
            let bytes = Evidence::Bytes { seen: Seen::OwnStatus, is_doubtful: expected };
            assert_eq!((side, evidence), (Side::Server, bytes), "{name}");
        }
    }

    #[test]
    fn the_evidence_is_how_both_did_elsewhere() {
        let rows = ["a: fail fail fail", "b: pass pass pass", "c: fail pass pass"];
        let (_, evidence) = blamed(&rows, "a", "a").unwrap();
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let server = Tally { failed: names(&["b", "c"]), passed: names(&[]) };
        let client = Tally { failed: names(&["c"]), passed: names(&["b"]) };
        assert_eq!(evidence, Evidence::Cells { server, client });
    }
}
