//! What blame rests on, in words.

use crate::{
    finding::Side,
    judge::{Blame, Evidence, Seen, Tally},
    text::list,
};

const EVERY_CELL_FAILS: &str = "every cell fails it, so the case itself may be wrong";

/// The evidence against one of these two.
#[must_use]
pub fn evidence(blame: &Blame, server: &str, client: &str) -> String {
    match &blame.evidence {
        Evidence::Wire => "seen on the wire".to_owned(),
        Evidence::Bytes { seen, is_doubtful } => {
            let doubt = if *is_doubtful { format!("; {EVERY_CELL_FAILS}") } else { String::new() };
            format!("seen on the wire: {}{doubt}", shown(*seen))
        }
        Evidence::Script => "the other side is a script".to_owned(),
        Evidence::Process => "seen of that process itself".to_owned(),
        Evidence::NoOtherCell => "no other cell ran this case".to_owned(),
        Evidence::EveryCell => EVERY_CELL_FAILS.to_owned(),
        Evidence::Cells { server: of_server, client: of_client } => {
            let (server, client) = (format!("server {server}"), format!("client {client}"));
            let parts = match blame.side {
                Side::Server => [say(of_server, "it", "client"), say(of_client, &client, "server")],
                Side::Client => [say(of_client, "it", "server"), say(of_server, &server, "client")],
                Side::Unclear => {
                    [say(of_server, &server, "client"), say(of_client, &client, "server")]
                }
            };
            parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
        }
    }
}

/// What the bytes show, said of the side that is to blame.
const fn shown(seen: Seen) -> &'static str {
    match seen {
        Seen::AnotherRequest => "its request is not the one that it was asked to make",
        Seen::RequestNotEnded => "it did not end its request, and had room to",
        Seen::NoRoomForRequest => "it left the client no room for its request",
        Seen::NoAnswerInTime => "it had the whole request, and did not end the call in time",
        Seen::NothingToGoOnWith => {
            "it had all that the client was to send before it heard more, and did not say more"
        }
        Seen::NoRoomForAnswer => "it left the server no room for its answer",
        Seen::ConnectionEnded => "it ended the connection while the call was open",
        Seen::OwnStatus => "its own status passed so, and the client reports it as it came",
        Seen::OwnStatusMessage => "its status message passed so",
        Seen::AnotherStatusMessage => "another status message passed than it reports",
        Seen::OtherDetails => "other details of the status passed than it reports",
        Seen::OwnDetails => "its details of the status passed so",
        Seen::OwnMessages => "its own messages passed so, and the client reports them as they came",
        Seen::MetadataNotReported => "all of the metadata passed, and it does not report it so",
        Seen::MetadataNotSent => "it did not send the metadata so",
    }
}

fn say(tally: &Tally, who: &str, others: &str) -> Option<String> {
    let others = |names: &[String]| {
        let plural = if names.len() == 1 { "" } else { "s" };
        format!("{others}{plural} {}", list(&names.iter().map(String::as_str).collect::<Vec<_>>()))
    };
    match (&tally.failed[..], &tally.passed[..]) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_evidence_reads_as_prose() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let server = Tally { failed: names(&["b", "c"]), passed: names(&[]) };
        let client = Tally { failed: names(&["c"]), passed: names(&["b"]) };
        let blame = Blame { side: Side::Server, evidence: Evidence::Cells { server, client } };
        assert_eq!(
            evidence(&blame, "a", "a"),
            "it also fails with clients b and c; client a also fails with server c and passes with server b"
        );
    }
}
