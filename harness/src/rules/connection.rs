//! Rules of the connection, as far as they touch a call.

use std::time::Duration;

use crosswire_http2::frame::{PREFACE, kind, kind_name};
use serde_json::{Value, json};

use super::{Breach, Exchange, micros};
use crate::{
    role::Role,
    wire::transcript::{Alpn, Asked, Debt, Opening, Read, What, other},
};

/// An answer is overdue when its debtor has shown that it has read the question, and since
/// then so much time has passed and it has sent so many frames: it is alive, writes, and does
/// not answer. Time alone proves nothing on a machine that is busy; frames alone, and all that
/// passed before, may have waited in front of the answer.
const OVERDUE_AFTER: Duration = Duration::from_secs(1);
const OVERDUE_FRAMES: u64 = 8;

/// The name of HTTP/2 over TLS (RFC 9113, section 3.1).
const H2: &[u8] = b"h2";

/// Each side's first frame is SETTINGS. (The preface is what makes a connection
/// HTTP/2 at all: without it there is no transcript, and a note says so.)
pub(super) fn begins_with_settings(exchange: &Exchange<'_>) -> Vec<Breach> {
    let first = &exchange.transcript.connection.first_frame;
    let breach = |side: Role| {
        let kind = (*first.of(side)).filter(|kind| *kind != kind::SETTINGS)?;
        let got = kind_name(kind);
        let offset = match side {
            Role::Client => PREFACE.len() as u64,
            Role::Server => 0,
        };
        let bytes = vec![kind].into();
        Some(Breach::at(side, offset, bytes, "first-frame").but_got(got))
    };
    [Role::Client, Role::Server].into_iter().filter_map(breach).collect()
}

/// SETTINGS are acknowledged, and nothing else is.
pub(super) fn settings_are_acknowledged(exchange: &Exchange<'_>) -> Vec<Breach> {
    let undue = exchange
        .transcript
        .events()
        .filter(|event| matches!(event.what, What::SettingsAck { is_due: false }));
    let undue = undue.map(|event| Breach::of(event, "settings-ack-undue"));
    let overdue = overdue(exchange, |asked| asked == Asked::Settings);
    undue.chain(overdue.map(|debt| owed(debt, "settings-not-acknowledged"))).collect()
}

/// PING is answered with the same bytes. An answer to no PING says nothing, and nothing
/// forbids it.
pub(super) fn pings_are_answered(exchange: &Exchange<'_>) -> Vec<Breach> {
    let overdue = overdue(exchange, |asked| matches!(asked, Asked::Ping(_)));
    overdue.map(|debt| owed(debt, "ping-not-answered")).collect()
}

fn overdue<'a>(
    exchange: &Exchange<'a>,
    is_it: impl Fn(Asked) -> bool,
) -> impl Iterator<Item = (&'a Debt, Read)> {
    let facts = &exchange.transcript.connection;
    let questions = facts.debts.iter().filter(move |debt| {
        // Frames that the tap held back were sent before the question was read.
        is_it(debt.asked) && !facts.slowed.of(debt.debtor)
    });
    let read = questions.filter_map(|debt| Some((debt, debt.read?)));
    read.filter(|(_, read)| read.frames_since >= OVERDUE_FRAMES && passed(read) >= OVERDUE_AFTER)
}

fn passed(read: &Read) -> Duration {
    read.last_frame.saturating_sub(read.shown)
}

fn owed((debt, read): (&Debt, Read), clause: &'static str) -> Breach {
    let Debt { debtor, offset, .. } = *debt;
    let got = json!({ "frames": read.frames_since, "within_us": micros(passed(&read)) });
    let asked = Breach::at(debtor, offset, debt.quote.clone(), clause).but_got(got);
    Breach { bytes_of: other(debtor), is_lack: true, ..asked }
}

/// Over TLS, the client offers HTTP/2 by ALPN, and the server selects it.
pub(super) fn tls_agrees_on_http2(exchange: &Exchange<'_>) -> Vec<Breach> {
    let Some(Alpn { offered, selected }) = &exchange.transcript.connection.alpn else {
        return Vec::new();
    };
    let breach = |side, clause, bytes: Vec<u8>| Breach::at(side, 0, bytes.into(), clause);
    let mut breaches = Vec::new();
    if !offered.iter().any(|offer| offer == H2) {
        breaches.push(breach(Role::Client, "alpn-not-offered", offered.join(&b", "[..])));
    }
    if selected.as_deref() != Some(H2) {
        let selected = selected.clone().unwrap_or_default();
        breaches.push(breach(Role::Server, "alpn-not-selected", selected));
    }
    breaches
}

/// Nobody sends more DATA than the windows allow.
pub(super) fn windows_are_not_overrun(exchange: &Exchange<'_>) -> Vec<Breach> {
    let events = exchange.transcript.events();
    events
        .filter_map(|event| match event.what {
            // What is empty takes no room, and may come without any (section 6.9.1).
            What::Data { length: 0, .. } => None,
            What::Data { stream_window, .. } if stream_window < 0 => {
                Some((event, "stream", stream_window))
            }
            What::Data { connection_window, .. } if connection_window < 0 => {
                Some((event, "connection", connection_window))
            }
            _ => None,
        })
        .map(|(event, whose, window)| {
            let got = json!({ "window": whose, "over_bytes": -window });
            Breach::of(event, "window-overrun").but_got(got)
        })
        .collect()
}

/// No frame is longer than the other side takes.
pub(super) fn frames_are_not_too_long(exchange: &Exchange<'_>) -> Vec<Breach> {
    let events = exchange.transcript.events();
    events
        .filter_map(|event| match event.what {
            What::TooLong { kind, length, limit } => {
                let got = json!({ "frame": kind_name(kind), "bytes": length });
                Some(Breach::of(event, "frame-too-long").expecting(limit).but_got(got))
            }
            _ => None,
        })
        .collect()
}

/// No more streams are open than the server takes.
pub(super) fn streams_are_not_too_many(exchange: &Exchange<'_>) -> Vec<Breach> {
    opening(exchange, |stream, opening| {
        let Opening { open_streams, limit, .. } = opening;
        let got = json!({ "stream": stream, "open": open_streams });
        (open_streams > limit).then(|| ("streams-too-many", limit.into(), got))
    })
}

/// Streams have odd ids, which rise and are never used again.
pub(super) fn stream_ids_are_odd_and_rise(exchange: &Exchange<'_>) -> Vec<Breach> {
    opening(exchange, |stream, Opening { highest_before, .. }| {
        if stream.is_multiple_of(2) {
            Some(("stream-even", Value::Null, stream.into()))
        } else if stream <= highest_before {
            Some(("stream-falls", highest_before.into(), stream.into()))
        } else {
            None
        }
    })
}

/// After a GOAWAY that the client has read, it opens no stream above its last.
pub(super) fn goaway_is_heeded(exchange: &Exchange<'_>) -> Vec<Breach> {
    opening(exchange, |stream, Opening { known_goaway, .. }| {
        let last = known_goaway.filter(|last| stream > *last)?;
        Some(("stream-after-goaway", last.into(), stream.into()))
    })
}

/// A clause, what was expected, and what came.
type Found = (&'static str, Value, Value);

fn opening(exchange: &Exchange<'_>, judge: impl Fn(u32, Opening) -> Option<Found>) -> Vec<Breach> {
    let transcript = exchange.transcript;
    let events = transcript.events();
    events
        .filter_map(|event| match event.what {
            What::Opened(opening) => {
                let (clause, expected, got) = judge(transcript.stream, opening)?;
                Some(Breach::of(event, clause).expecting(expected).but_got(got))
            }
            _ => None,
        })
        .collect()
}
