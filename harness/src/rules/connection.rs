//! Rules of the connection, as far as they touch a call.

use std::time::Duration;

use super::{Breach, Exchange, response::status_of};
use crate::{
    role::Role,
    wire::{
        frame::{PREFACE, kind, kind_name},
        transcript::{Alpn, Asked, Debt, Opening, What, other},
    },
};

/// An answer is overdue when its debtor has read the question for certain, so much time
/// has passed since, and it has sent so many frames meanwhile: it is alive, writes, and does
/// not answer. Time alone proves nothing on a machine that is busy, and frames alone may
/// have been on their way, or waited in front of the answer.
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
        let what = format!("the connection begins with {}, not SETTINGS", kind_name(kind));
        let offset = match side {
            Role::Client => PREFACE.len() as u64,
            Role::Server => 0,
        };
        let bytes = vec![kind].into();
        Some(Breach { side, what, bytes, bytes_of: side, offset, is_lack: false })
    };
    [Role::Client, Role::Server].into_iter().filter_map(breach).collect()
}

/// SETTINGS are acknowledged, and nothing else is.
pub(super) fn settings_are_acknowledged(exchange: &Exchange<'_>) -> Vec<Breach> {
    let undue = exchange
        .transcript
        .events()
        .filter(|event| matches!(event.what, What::SettingsAck { is_due: false }));
    let undue = undue.map(|event| Breach::of(event, "an acknowledgement without SETTINGS"));
    let overdue = overdue(exchange, |asked| asked == Asked::Settings);
    undue.chain(overdue.map(|debt| owed(debt, "SETTINGS are not acknowledged"))).collect()
}

/// PING is answered with the same bytes. An answer to no PING says nothing, and nothing
/// forbids it.
pub(super) fn pings_are_answered(exchange: &Exchange<'_>) -> Vec<Breach> {
    let overdue = overdue(exchange, |asked| matches!(asked, Asked::Ping(_)));
    overdue.map(|debt| owed(debt, "PING is not answered")).collect()
}

fn overdue<'a>(
    exchange: &Exchange<'a>,
    is_it: impl Fn(Asked) -> bool,
) -> impl Iterator<Item = &'a Debt> {
    let facts = &exchange.transcript.connection;
    facts.debts.iter().filter(move |debt| {
        // Frames that the tap held back were sent before the question was read.
        is_it(debt.asked)
            && !facts.slowed.of(debt.debtor)
            && (debt.has_read || has_reported(exchange, debt))
            && debt.frames_since >= OVERDUE_FRAMES
            && debt.last_frame.saturating_sub(debt.since) >= OVERDUE_AFTER
    })
}

/// Whether a client has reported a call whose end came behind the question: it reads in the
/// order in which things come.
fn has_reported(exchange: &Exchange<'_>, debt: &Debt) -> bool {
    let Some(trailers) = exchange.trailers().filter(|_| debt.debtor == Role::Client) else {
        return false;
    };
    let status = trailers.value("grpc-status").and_then(status_of);
    let reported = exchange.answer.map(|answer| answer.code.0);
    status.is_some() && status == reported && trailers.event.offset > debt.offset
}

fn owed(debt: &Debt, what: &str) -> Breach {
    let Debt { debtor, offset, frames_since, .. } = *debt;
    let waited = debt.last_frame.saturating_sub(debt.since);
    let what = format!("{what}: {frames_since} other frames came within {waited:.1?}");
    let (bytes, bytes_of) = (debt.quote.clone(), other(debtor));
    Breach { side: debtor, what, bytes, bytes_of, offset, is_lack: true }
}

/// Over TLS, the client offers HTTP/2 by ALPN, and the server selects it.
pub(super) fn tls_agrees_on_http2(exchange: &Exchange<'_>) -> Vec<Breach> {
    let Some(Alpn { offered, selected }) = &exchange.transcript.connection.alpn else {
        return Vec::new();
    };
    let breach = |side: Role, what: &str, bytes: Vec<u8>| {
        let what = what.to_owned();
        let bytes = bytes.into();
        Breach { side, what, bytes, bytes_of: side, offset: 0, is_lack: false }
    };
    let mut breaches = Vec::new();
    if !offered.iter().any(|offer| offer == H2) {
        let what = "the TLS handshake does not offer h2 by ALPN";
        breaches.push(breach(Role::Client, what, offered.join(&b", "[..])));
    }
    if selected.as_deref() != Some(H2) {
        let what = "the TLS handshake does not select h2 by ALPN";
        breaches.push(breach(Role::Server, what, selected.clone().unwrap_or_default()));
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
                Some((event, "the stream's", stream_window))
            }
            What::Data { connection_window, .. } if connection_window < 0 => {
                Some((event, "the connection's", connection_window))
            }
            _ => None,
        })
        .map(|(event, whose, window)| {
            Breach::of(event, format!("DATA overruns {whose} window by {} bytes", -window))
        })
        .collect()
}

/// No frame is longer than the other side takes.
pub(super) fn frames_are_not_too_long(exchange: &Exchange<'_>) -> Vec<Breach> {
    let events = exchange.transcript.events();
    events
        .filter_map(|event| match event.what {
            What::TooLong { kind, length, limit } => {
                let name = kind_name(kind);
                Some(Breach::of(
                    event,
                    format!("{name} of {length} bytes; at most {limit} are taken"),
                ))
            }
            _ => None,
        })
        .collect()
}

/// No more streams are open than the server takes.
pub(super) fn streams_are_not_too_many(exchange: &Exchange<'_>) -> Vec<Breach> {
    opening(exchange, |stream, opening| {
        let Opening { open_streams, limit, .. } = opening;
        (open_streams > limit).then(|| {
            format!(
                "with stream {stream}, {open_streams} streams are open; at most {limit} are taken"
            )
        })
    })
}

/// Streams have odd ids, which rise and are never used again.
pub(super) fn stream_ids_are_odd_and_rise(exchange: &Exchange<'_>) -> Vec<Breach> {
    opening(exchange, |stream, Opening { highest_before, .. }| {
        if stream.is_multiple_of(2) {
            Some(format!("a client's stream has the even id {stream}"))
        } else if stream <= highest_before {
            Some(format!("stream {stream} is opened after stream {highest_before}"))
        } else {
            None
        }
    })
}

/// After a GOAWAY that the client has read, it opens no stream above its last.
pub(super) fn goaway_is_heeded(exchange: &Exchange<'_>) -> Vec<Breach> {
    opening(exchange, |stream, Opening { known_goaway, .. }| {
        let last = known_goaway.filter(|last| stream > *last)?;
        Some(format!("stream {stream} is opened after GOAWAY with last stream {last}"))
    })
}

fn opening(exchange: &Exchange<'_>, judge: impl Fn(u32, Opening) -> Option<String>) -> Vec<Breach> {
    let transcript = exchange.transcript;
    let events = transcript.events();
    events
        .filter_map(|event| match event.what {
            What::Opened(opening) => {
                judge(transcript.stream, opening).map(|what| Breach::of(event, what))
            }
            _ => None,
        })
        .collect()
}
