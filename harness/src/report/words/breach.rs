//! A broken rule of the wire in words: a sentence for each clause.

use std::time::Duration;

use serde_json::Value;

use super::{bare, of};
use crate::{
    rules::{Breach, SHOWN_BYTES, Violation},
    text::{count, shorten},
    wire::transcript::other,
};

/// What is wrong, without who did it. Hostile text in it is quoted, not escaped.
#[must_use]
pub fn breach(breach: &Breach) -> String {
    let Breach { clause, expected, got, .. } = breach;
    if let Some(words) = fixed(clause) {
        return words.to_owned();
    }
    match *clause {
        "timeout-missing" => {
            format!("no grpc-timeout, although the caller asked for {}", asked(expected))
        }
        "timeout-of-another-order" => {
            format!("a grpc-timeout of another order than the {} of the caller", asked(expected))
        }
        "timeout-longer" => {
            format!("a grpc-timeout longer than the {} that the caller asked for", asked(expected))
        }
        "given-up-otherwise" => {
            format!("the call is given up with RST_STREAM({}), not CANCEL", bare(got))
        }
        "after-end" => {
            let (frame, stream) = (of(got, "frame"), of(got, "stream"));
            format!("{frame} on stream {stream}, which this side had ended")
        }
        "attempts-miscounted" => {
            let said = if got.is_null() { "none".to_owned() } else { bare(got) };
            let expected = if expected.is_null() { "none".to_owned() } else { bare(expected) };
            format!("grpc-previous-rpc-attempts: {said}, where it was made so often: {expected}")
        }
        "details-of-another-code" => format!(
            "code {} in grpc-status-details-bin beside grpc-status {}",
            bare(got),
            bare(expected)
        ),
        "after-reset" => {
            let since = time(&got["since_us"]);
            let other = other(breach.side);
            format!("{} {since} after the {other} had reset the stream", of(got, "frame"))
        }
        "not-compressed" => format!("a compressed message that is no {}", bare(expected)),
        "flag" => format!("a message with flag {}", bare(got)),
        "message-cut" => format!(
            "the stream ends within a message: {} of 5 bytes of its prefix, and {} bytes of its payload",
            of(got, "prefix_bytes"),
            of(got, "payload_bytes")
        ),
        "message-does-not-parse" => {
            format!("a message that is no {}: {}", bare(expected), bare(got))
        }
        "first-frame" => format!("the connection begins with {}, not SETTINGS", bare(got)),
        "settings-not-acknowledged" => {
            format!("SETTINGS are not acknowledged: {}", frames_meanwhile(got))
        }
        "ping-not-answered" => format!("PING is not answered: {}", frames_meanwhile(got)),
        "window-overrun" => format!(
            "DATA overruns the {}'s window by {} bytes",
            of(got, "window"),
            of(got, "over_bytes")
        ),
        "frame-too-long" => format!(
            "{} of {} bytes; at most {} are taken",
            of(got, "frame"),
            of(got, "bytes"),
            bare(expected)
        ),
        "streams-too-many" => format!(
            "with stream {}, {} streams are open; at most {} are taken",
            of(got, "stream"),
            of(got, "open"),
            bare(expected)
        ),
        "stream-even" => format!("a client's stream has the even id {}", bare(got)),
        "stream-falls" => {
            format!("stream {} is opened after stream {}", bare(got), bare(expected))
        }
        "stream-after-goaway" => format!(
            "stream {} is opened after GOAWAY with last stream {}",
            bare(got),
            bare(expected)
        ),
        "messages-after-reset" => {
            format!("{} reported, and {} came in time", messages(got), bare(expected))
        }
        "http-status-translated" => format!(
            "HTTP status {} without a grpc-status is reported as {}, not {}",
            of(got, "http"),
            of(got, "code"),
            bare(expected)
        ),
        "reset-translated" => format!(
            "RST_STREAM({}) is reported as {}, not {}",
            of(got, "reset"),
            of(got, "code"),
            bare(expected)
        ),
        "message-altered" => format!("messages[{}] is reported as another than came", bare(got)),
        "messages-left-out" => {
            format!("{} reported with OK, and {} came", messages(got), bare(expected))
        }
        "code-altered" => {
            format!("grpc-status {} is reported as {}", bare(expected), of(got, "code"))
        }
        "request-altered" => {
            format!("request message {} is another than the client was to send", bare(got))
        }
        "request-unasked" => {
            format!("{} sent, and {} were to be sent", messages(got), bare(expected))
        }
        "requests-left-out" => format!(
            "the request ends after {}, and {} were to be sent",
            messages(got),
            bare(expected)
        ),
        "request-too-soon" if got == "end" => {
            "the request ends before what the client was to wait for has come".to_owned()
        }
        "request-too-soon" => {
            format!("request message {} comes before what the client was to wait for", bare(got))
        }
        "encoding-not-offered" => {
            let name = bare(got);
            format!("a message in {name}, which the request's grpc-accept-encoding lacks")
        }
        _ => match canonical(clause) {
            Some(words) => {
                format!("not what an encoder writes: field {}: {words}", of(got, "field"))
            }
            None => format!("{clause}: expected {expected}, got {got}"),
        },
    }
}

/// Clauses that have no values.
fn fixed(clause: &str) -> Option<&'static str> {
    Some(match clause {
        "method" => ":method is not POST",
        "scheme" => ":scheme is not http or https",
        "path" => ":path is not /Service/Method",
        "request-ended" => "the request ends, which the client was not to end but to cancel",
        "cancelled-too-soon" => {
            "the call is cancelled before what the client was to wait for has come"
        }
        "te" => "te is not `trailers`, once",
        "content-type-missing" => "no content-type",
        "content-type-other" => {
            "a content-type that is neither application/grpc nor application/grpc+CODEC"
        }
        "content-type-repeated" => "more than one content-type",
        "timeout-repeated" => "more than one grpc-timeout",
        "timeout-malformed" => "a grpc-timeout that is not 1 to 8 digits and one of H M S m u n",
        "end-on-headers" => "END_STREAM on the request's HEADERS; it belongs on DATA",
        "request-trailers" => "trailers on a request",
        "message-repeated" => "another message; the method takes one",
        "message-missing" => "the request ends without a message; the method takes one",
        "call-repeated" => "the call again, although a response had begun",
        "given-up-in-silence" => "the call is given up without RST_STREAM(CANCEL)",
        "data-before-headers" => "DATA before the response's HEADERS",
        "http-status-missing" => "no :status",
        "status-missing" => "no grpc-status in the trailers",
        "status-malformed" => "a grpc-status that is not decimal 0 to 16",
        "status-repeated" => "more than one grpc-status",
        "trailers-without-end" => "trailers without END_STREAM",
        "end-on-data" => "END_STREAM on DATA; trailers must follow",
        "status-too-early" => "grpc-status in a first block that is not the last",
        "text-repeated" => "more than one grpc-message",
        "text-not-encoded" => "a grpc-message that is not percent-encoded",
        "text-beside-ok" => "a grpc-message beside status 0",
        "details-repeated" => "more than one grpc-status-details-bin",
        "details-not-base64" => "a grpc-status-details-bin that is not base64",
        "details-no-status" => "a grpc-status-details-bin that is no google.rpc.Status",
        "early-status-without-reset" => "an early status without RST_STREAM(NO_ERROR) after it",
        "encoding-repeated" => "more than one grpc-encoding",
        "encoding-unnamed" => "a compressed message without a grpc-encoding that says how",
        "pseudo-header-other" => "a pseudo-header that this block must not have",
        "pseudo-header-repeated" => "a pseudo-header is here twice",
        "pseudo-header-late" => "a pseudo-header after an ordinary one",
        "name-illegal" => "a header name that is not [0-9a-z_.-]",
        "binary-not-base64" => "a -bin value that is not base64",
        "binary-padded" => "a -bin value with padding",
        "settings-ack-undue" => "an acknowledgement without SETTINGS",
        "alpn-not-offered" => "the TLS handshake does not offer h2 by ALPN",
        "alpn-not-selected" => "the TLS handshake does not select h2 by ALPN",
        "ok-without-status" => "OK is reported, and the server sent no status",
        _ => return None,
    })
}

/// Departures from what encoders write.
fn canonical(clause: &str) -> Option<&'static str> {
    Some(match clause {
        "field-repeated" => "it is there more than once",
        "number-out-of-range" => "its number is out of its type's range",
        "default-written" => "its default value is written",
        "not-packed" => "it is not packed",
        "packed-and-empty" => "it is packed and empty",
        "packed-number-out-of-range" => "a number in it is out of its type's range",
        _ => return None,
    })
}

/// A broken rule: which, by whom, how, and the bytes that show it.
#[must_use]
pub fn violation(violation: &Violation) -> String {
    let Violation { rule, level, breach: found, .. } = violation;
    let Breach { side, bytes, bytes_of, offset, .. } = found;
    let what = breach(found);
    let words = format!("{rule} ({level}): the {side}: {what}");
    if bytes.is_empty() {
        return words;
    }
    let text = shorten(&bytes.escape_ascii().to_string(), 4 * SHOWN_BYTES);
    let whose = if bytes_of == side { "it".to_owned() } else { format!("the {bytes_of}") };
    format!("{words}; at byte {offset} of what {whose} sent: `{text}`")
}

fn frames_meanwhile(got: &Value) -> String {
    format!("{} other frames came within {}", of(got, "frames"), time(&got["within_us"]))
}

fn messages(number: &Value) -> String {
    count(usize::try_from(number.as_u64().unwrap_or_default()).unwrap_or(usize::MAX), "message")
}

/// What was measured.
fn time(micros: &Value) -> String {
    format!("{:.1?}", duration(micros))
}

/// What a case says.
fn asked(micros: &Value) -> String {
    format!("{:?}", duration(micros))
}

fn duration(micros: &Value) -> Duration {
    Duration::from_micros(micros.as_u64().unwrap_or_default())
}
