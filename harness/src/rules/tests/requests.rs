//! Rules of requests and of header fields, broken.

use super::*;
use crate::{
    role::Role,
    suite::CallOptions,
    wire::{
        sample::{goaway, reset},
        transcript::Closing,
    },
};

#[test]
fn header_fields_of_a_request() {
    let path = |value| with(REQUEST, ":path", value);
    let timeout = |value| with(REQUEST, "grpc-timeout", value);
    let late_path = [without(REQUEST, ":path"), vec![(":path", "/S/M")]].concat();
    for (name, fields, expected) in [
        (
            "method GET",
            with(REQUEST, ":method", "GET"),
            &["WIRE-1 client: :method is not POST"][..],
        ),
        ("no method", without(REQUEST, ":method"), &["WIRE-1 client: :method is not POST"]),
        (
            "an interim request",
            [vec![(":status", "100")], REQUEST.to_vec()].concat(),
            &["WIRE-2 client: a pseudo-header that this block"],
        ),
        ("scheme ftp", with(REQUEST, ":scheme", "ftp"), &["WIRE-1 client: :scheme is not"]),
        ("no scheme", without(REQUEST, ":scheme"), &["WIRE-1 client: :scheme is not"]),
        ("no path", without(REQUEST, ":path"), &["WIRE-1 client: :path is not"]),
        ("path without slash", path("S/M"), &["WIRE-1 client: :path is not"]),
        ("path without method", path("/S/"), &["WIRE-1 client: :path is not"]),
        ("path without service", path("//M"), &["WIRE-1 client: :path is not"]),
        ("path of one", path("/S"), &["WIRE-1 client: :path is not"]),
        ("pseudo-header last", late_path, &["WIRE-2 client: a pseudo-header after"]),
        (
            "unknown pseudo-header",
            [vec![(":protocol", "x")], REQUEST.to_vec()].concat(),
            &["WIRE-2 client: a pseudo-header that this block"],
        ),
        (
            "pseudo-header twice",
            [vec![(":scheme", "http")], REQUEST.to_vec()].concat(),
            &["WIRE-2 client: a pseudo-header is here twice"],
        ),
        ("no te", without(REQUEST, "te"), &["WIRE-3 client: te is not"]),
        ("te gzip", with(REQUEST, "te", "gzip"), &["WIRE-3 client: te is not"]),
        ("te in capitals", with(REQUEST, "te", "Trailers"), &[]),
        ("te twice", and(REQUEST, "te", "trailers"), &["WIRE-3 client: te is not"]),
        ("no content-type", without(REQUEST, "content-type"), &["WIRE-4 client: no content-type"]),
        (
            "content-type twice",
            and(REQUEST, "content-type", "application/grpc"),
            &["WIRE-4 client: more than one"],
        ),
        (
            "content-type json",
            with(REQUEST, "content-type", "application/json"),
            &["WIRE-4 client: a content-type"],
        ),
        (
            "content-type web",
            with(REQUEST, "content-type", "application/grpc-web"),
            &["WIRE-4 client: a content-type"],
        ),
        (
            "no codec",
            with(REQUEST, "content-type", "application/grpc+"),
            &["WIRE-4 client: a content-type"],
        ),
        ("timeout abc", timeout("abc"), &["WIRE-5 client: a grpc-timeout"]),
        ("timeout empty", timeout(""), &["WIRE-5 client: a grpc-timeout"]),
        ("timeout without digits", timeout("S"), &["WIRE-5 client: a grpc-timeout"]),
        ("timeout without unit", timeout("5"), &["WIRE-5 client: a grpc-timeout"]),
        ("timeout of 9 digits", timeout("000000005S"), &["WIRE-5 client: a grpc-timeout"]),
        ("timeout with sign", timeout("-1S"), &["WIRE-5 client: a grpc-timeout"]),
        ("timeout with plus", timeout("+1S"), &["WIRE-5 client: a grpc-timeout"]),
        ("timeout with fraction", timeout("1.5S"), &["WIRE-5 client: a grpc-timeout"]),
        ("timeout in days", timeout("1D"), &["WIRE-5 client: a grpc-timeout"]),
        ("timeout twice", and(REQUEST, "grpc-timeout", "1S"), &["WIRE-5 client: more than one"]),
        ("timeout a bit too long", timeout("5001m"), &["WIRE-43 client: a grpc-timeout longer"]),
        ("timeout twice as long", timeout("10S"), &["WIRE-43 client: a grpc-timeout longer"]),
        (
            "content-type with parameters",
            with(REQUEST, "content-type", "application/grpc+proto; charset=utf-8"),
            &[],
        ),
        ("content-type in capitals", with(REQUEST, "content-type", "Application/gRPC;v=1"), &[]),
        (
            "content-type with a codec that is none",
            with(REQUEST, "content-type", "application/grpc+;v=1"),
            &["WIRE-4 client: a content-type"],
        ),
        (
            "timeout too long",
            timeout("10001m"),
            &["WIRE-6 client: a grpc-timeout of another", "WIRE-43 client: a grpc-timeout longer"],
        ),
        (
            "timeout of hours",
            timeout("99999999H"),
            &["WIRE-6 client: a grpc-timeout of another", "WIRE-43 client: a grpc-timeout longer"],
        ),
        ("no timeout", without(REQUEST, "grpc-timeout"), &["WIRE-6 client: no grpc-timeout"]),
        (
            "encoding twice",
            [REQUEST, &[("grpc-encoding", "gzip"), ("grpc-encoding", "gzip")]].concat(),
            &["WIRE-7 client: more than one"],
        ),
        ("upper case", and(REQUEST, "X-Key", "v"), &["WIRE-11 client: a header name"]),
        ("a space", and(REQUEST, "x key", "v"), &["WIRE-11 client: a header name"]),
        ("no name", and(REQUEST, "", "v"), &["WIRE-11 client: a header name"]),
        ("bad -bin", and(REQUEST, "k-bin", "!"), &["WIRE-12 client: a -bin value"]),
        ("bad second -bin", and(REQUEST, "k-bin", "YQ,*"), &["WIRE-12 client: a -bin value"]),
        (
            "-bin of a length that is none",
            and(REQUEST, "k-bin", "YWFhY"),
            &["WIRE-12 client: a -bin value"],
        ),
        ("-bin for URLs", and(REQUEST, "k-bin", "-_-_"), &["WIRE-12 client: a -bin value"]),
        (
            "padded -bin",
            and(REQUEST, "k-bin", "YQ=="),
            &["WIRE-13 client: a -bin value with padding"],
        ),
        (
            "padded second -bin",
            and(REQUEST, "k-bin", "YWFh,YQ=="),
            &["WIRE-13 client: a -bin value with padding"],
        ),
    ] {
        let found = violations(&mut request_of(&fields), &get_sequence(), None);
        assert_violations(name, &found, expected);
    }
}

/// A client may wait before it sends a request, and what it sends then is less. It does
/// not wait for most of a long deadline.
#[test]
fn a_timeout_is_that_of_the_caller() {
    let short = &["WIRE-6 client: a grpc-timeout of another order"][..];
    for (asked, timeout, expected) in [
        (10, "10S", &[][..]),
        (10, "2500m", &[]),
        (10, "1001m", &[]),
        (10, "1S", short),
        (10, "10m", short),
        (10, "10000u", short),
        (10, "10000n", short),
        (10, "0n", short),
        (3600, "1H", &[]),
        (3600, "7M", &[]),
        (3600, "1M", short),
        // Whole seconds are a lawful unit, too.
        (5, "6S", &["WIRE-43 client"]),
        (1, "2S", &["WIRE-43 client"]),
        (1, "3S", &["WIRE-6 client", "WIRE-43 client"]),
        // Whoever was held up for as long as it takes may have no time left.
        (5, "1n", &[]),
        (1, "1m", &[]),
    ] {
        let call = Call { timeout: Duration::from_secs(asked), ..get_sequence() };
        let fields = with(REQUEST, "grpc-timeout", timeout);
        let found = violations(&mut request_of(&fields), &call, None);
        assert_violations(&format!("{timeout} of {asked} s"), &found, expected);
    }
}

#[test]
fn bodies_of_a_request() {
    type Send = fn(&mut Wire) -> &mut Wire;
    let end = flag::END_STREAM;
    let cases: [(&str, Send, &[&str]); 9] = [
        (
            "END_STREAM on HEADERS",
            |w| w.client(&headers(1, flag::END_STREAM, REQUEST)),
            &["WIRE-8 client: END_STREAM", "WIRE-9 client: the request ends without"],
        ),
        (
            "trailers",
            |w| {
                w.client(&headers(1, 0, REQUEST))
                    .client(&data(1, 0, &message(0, b"")))
                    .client(&headers(1, flag::END_STREAM, &[("k", "v")]))
            },
            &["WIRE-8 client: trailers"],
        ),
        (
            "no message",
            |w| w.client(&headers(1, 0, REQUEST)).client(&data(1, flag::END_STREAM, b"")),
            &["WIRE-9 client: the request ends"],
        ),
        (
            "two messages",
            |w| {
                w.client(&headers(1, 0, REQUEST)).client(&data(
                    1,
                    flag::END_STREAM,
                    &message(0, b"").repeat(2),
                ))
            },
            &["WIRE-9 client: another message"],
        ),
        (
            "flag 1 and no encoding",
            |w| send(w, REQUEST, &message(1, b"")),
            &["WIRE-7 client: a compressed message"],
        ),
        (
            "flag 1 and identity",
            |w| send(w, &and(REQUEST, "grpc-encoding", "identity"), &message(1, b"")),
            &["WIRE-7 client: a compressed message"],
        ),
        (
            "flag 1 and no gzip",
            |w| send(w, &and(REQUEST, "grpc-encoding", "gzip"), &message(1, b"\x08\x02")),
            &["WIRE-22 client: a compressed message that is no gzip"],
        ),
        (
            "flag 2",
            |w| send(w, &and(REQUEST, "grpc-encoding", "gzip"), &message(2, b"")),
            &["WIRE-23 client: a message with flag 2"],
        ),
        (
            "bytes left over",
            |w| send(w, REQUEST, &[&message(0, b""), &b"\0\0"[..]].concat()),
            &["WIRE-24 client: the stream ends within a message: 2 of 5"],
        ),
    ];
    for (name, send, expected) in cases {
        let mut wire = Wire::new();
        send(&mut wire);
        wire.response(1);
        let call = asking(get_sequence(), b"");
        assert_violations(name, &violations(&mut wire, &call, None), expected);
    }
    let mut wire = Wire::new();
    wire.client(&headers(1, 0, REQUEST))
        .client(&data(1, end, &message(0, b"abc")[..7]))
        .response(1);
    let expected = [
        "WIRE-9 client: the request ends",
        "WIRE-24 client: the stream ends within a message: 5 of 5 bytes of its prefix, and 2",
    ];
    assert_violations(
        "message cut short",
        &violations(&mut wire, &get_sequence(), None),
        &expected,
    );
}

fn send<'a>(wire: &'a mut Wire, fields: &[(&str, &str)], body: &[u8]) -> &'a mut Wire {
    wire.client(&headers(1, 0, fields)).client(&data(1, flag::END_STREAM, body))
}

#[test]
fn payloads_of_a_request() {
    let no_type = "WIRE-25 client: a message that is no SequenceRequest";
    let odd = "WIRE-26 client: not what an encoder writes: field SequenceRequest.count: ";
    let is_odd = |what: &str| format!("{odd}{what}");
    for (name, payload, expected) in [
        ("no protobuf", &b"\xff"[..], no_type.to_owned()),
        ("another type", b"\x0a\x01a", no_type.to_owned()),
        ("cut", b"\x08", no_type.to_owned()),
        ("a default that is written", b"\x08\0", is_odd("its default value")),
        ("a field twice", b"\x08\x01\x08\x02", is_odd("it is there more than once")),
    ] {
        let mut wire = Wire::new();
        send(&mut wire, REQUEST, &message(0, payload));
        wire.response(1);
        let asked = asking(get_sequence(), payload);
        assert_violations(name, &violations(&mut wire, &asked, None), &[&expected]);
        // What a case sends as it is, is not the client's doing.
        let mut wire = Wire::new();
        send(&mut wire, REQUEST, &message(0, payload));
        wire.response(1);
        let raw = Call { raw: true, ..asked };
        assert_violations(name, &violations(&mut wire, &raw, None), &[]);
    }
    // But the server's answer is its own.
    let mut wire = Wire::new();
    send(&mut wire, REQUEST, &message(0, b"\xff")).server(&headers(1, 0, RESPONSE));
    wire.server(&data(1, 0, &message(0, b"\xff")));
    wire.server(&headers(1, flag::END_STREAM, TRAILERS));
    let raw = Call { raw: true, ..asking(get_sequence(), b"\xff") };
    assert_violations("answer", &violations(&mut wire, &raw, None), &["WIRE-25 server"]);
}

#[test]
fn encodings_of_every_kind_of_field() {
    let detect = call("pb.Outliers", "Detect");
    for (name, payload, what) in [
        (
            "a field twice, with another between",
            &b"\x0a\x0f\x12\x01a\x19\0\0\0\0\0\0\xf0\x3f\x12\x01a"[..],
            "field pb.Metric.name: it is there more than once",
        ),
        ("an empty string", b"\x0a\x02\x12\0", "field pb.Metric.name: its default"),
        ("a zero double", b"\x0a\x09\x19\0\0\0\0\0\0\0\0", "field pb.Metric.value: its default"),
        ("a long length", b"\x0a\x81\0\x12", ""),
        (
            "a negative int32 of 5 bytes",
            b"\x0a\x08\x0a\x06\x10\xff\xff\xff\xff\x0f",
            "field google.protobuf.Timestamp.nanos: its number is out",
        ),
    ] {
        let mut wire = Wire::new();
        send(&mut wire, REQUEST, &message(0, payload));
        wire.server(&headers(1, 0, RESPONSE)).server(&data(1, 0, &message(0, b"")));
        wire.server(&headers(1, flag::END_STREAM, TRAILERS));
        let found = violations(&mut wire, &detect, None);
        let expected = if what.is_empty() {
            "WIRE-25 client".to_owned()
        } else {
            format!("WIRE-26 client: not what an encoder writes: {what}")
        };
        assert_violations(name, &found, &[&expected]);
    }
}

#[test]
fn a_deviation_deep_in_a_message_is_quoted_alone() {
    let mut wire = Wire::new();
    send(&mut wire, REQUEST, &message(0, b"\x0a\x03\x12\x01a\x0a\x04\x0a\x02\x10\0"));
    let transcript = wire.connection.take_open(None);
    let found = check(&transcript, &call("pb.Outliers", "Detect"), None);
    assert_eq!(found[0].breach.bytes, &b"\x10\0"[..]);
}

/// What a policy makes again after trailers alone says how often; after headers, nothing is.
#[test]
fn a_retry_policy_makes_a_call_again_and_counts() {
    let retried = Call { is_retried: true, ..get_sequence() };
    let refusal = [RESPONSE, &[("grpc-status", "14")]].concat();
    let again =
        |number: &'static str| [REQUEST, &[("grpc-previous-rpc-attempts", number)]].concat();
    for (name, second, call, expected) in [
        ("counted", again("1"), &retried, &[][..]),
        (
            "miscounted",
            again("2"),
            &retried,
            &["WIRE-47 client: grpc-previous-rpc-attempts: 2, where it was made so often: 1"],
        ),
        (
            "not counted",
            REQUEST.to_vec(),
            &retried,
            &["WIRE-47 client: grpc-previous-rpc-attempts: none, where it was made so often: 1"],
        ),
        (
            "without a policy",
            REQUEST.to_vec(),
            &get_sequence(),
            &["WIRE-10 client: the call again"],
        ),
    ] {
        let mut wire = Wire::new();
        wire.request(1, REQUEST).server(&headers(1, flag::END_STREAM, &refusal));
        wire.request(3, &second).response(3);
        let found = check(&wire.calls(), call, None);
        let found: Vec<String> = found.iter().map(in_words).collect();
        assert_violations(name, &found, expected);
    }
    let mut begun = Wire::new();
    begun.request(1, REQUEST).server(&headers(1, 0, RESPONSE)).server(&reset(1, 2));
    begun.request(3, &again("1")).response(3);
    let found: Vec<String> = check(&begun.calls(), &retried, None).iter().map(in_words).collect();
    assert_violations("begun", &found, &["WIRE-10 client: the call again"]);
}

#[test]
fn a_call_is_not_made_again_once_a_response_has_begun() {
    let mut wire = Wire::new();
    wire.request(1, REQUEST).server(&headers(1, 0, RESPONSE)).server(&reset(1, 2));
    wire.request(3, REQUEST).response(3);
    let expected = ["WIRE-10 client: the call again"];
    let mut calls = wire.calls();
    let found: Vec<String> = check(&calls, &get_sequence(), None).iter().map(in_words).collect();
    assert_violations("retry", &found, &expected);
    // A response that begins when the call has been made again is too late to forbid it.
    let mut late = Wire::new();
    late.request(1, REQUEST).request(3, REQUEST);
    late.server(&headers(1, 0, RESPONSE)).server(&reset(1, 7)).response(3);
    assert_eq!(check(&late.calls(), &get_sequence(), None), []);
    // Nor is it forbidden of a call that was refused behind its headers.
    let mut refused = Wire::new();
    refused.request(1, REQUEST).server(&headers(1, 0, RESPONSE)).server(&reset(1, 7));
    refused.request(3, REQUEST).response(3);
    assert_eq!(check(&refused.calls(), &get_sequence(), None), []);
    // What is missing may be the reason.
    calls[0].is_whole = false;
    assert_eq!(check(&calls, &get_sequence(), None), []);
}

#[test]
fn giving_up_is_a_reset() {
    let cancels = Call {
        options: CallOptions { cancel_after_messages: Some(1), ..CallOptions::default() },
        ..stream_sequence()
    };
    let late = stream_sequence();
    let one = streamed(1, 1);
    let deadline = streamed(4, 1);
    let none = "WIRE-35 client: the call is given up without RST_STREAM(CANCEL)";
    let other = "WIRE-35 client: the call is given up with RST_STREAM(NO_ERROR), not CANCEL";
    for (name, call, answer, code, expected) in [
        ("cancelled", &cancels, &one, Some(8), &[][..]),
        ("cancelled, silently", &cancels, &one, None, &[none][..]),
        ("cancelled, with NO_ERROR", &cancels, &one, Some(0), &[other][..]),
        ("too late", &late, &deadline, Some(8), &[][..]),
        ("too late, silently", &late, &deadline, None, &[none][..]),
        ("too late, with NO_ERROR", &late, &deadline, Some(0), &[other][..]),
    ] {
        let mut wire = Wire::new();
        wire.request(1, REQUEST).server(&headers(1, 0, RESPONSE));
        wire.server(&data(1, 0, &message(0, b"\x08\x02\x10\x01")));
        if let Some(code) = code {
            wire.client(&reset(1, code));
        }
        assert_violations(name, &violations(&mut wire, call, Some(answer)), expected);
    }
    // A connection that the server gave up has nothing to be reset on.
    for closing in [Closing::End, Closing::Abort] {
        let mut wire = Wire::new();
        wire.request(1, REQUEST).connection.closed(Role::Server, closing, Duration::ZERO);
        let found = violations(&mut wire, &late, Some(&answer(4, 0)));
        assert_violations(&format!("{closing:?}"), &found, &[]);
    }
    // And what it did not take up is over.
    for (last, expected) in [(0, &[][..]), (1, &[none][..])] {
        let mut wire = Wire::new();
        wire.request(1, REQUEST).server(&goaway(last, 0));
        let found = violations(&mut wire, &late, Some(&answer(4, 0)));
        assert_violations(&format!("GOAWAY({last})"), &found, expected);
    }
    // But for its own end of the connection, the client has itself to blame.
    let mut wire = Wire::new();
    wire.request(1, REQUEST).connection.closed(Role::Client, Closing::End, Duration::ZERO);
    assert_violations(
        "the end of the connection",
        &violations(&mut wire, &late, Some(&deadline)),
        &["WIRE-36 client: 1 message reported, and 0 came"],
    );
    // Who is faster than its cancellation needs no reset.
    let mut wire = Wire::new();
    wire.request(1, REQUEST).server(&headers(1, 0, RESPONSE));
    wire.server(&data(1, 0, &message(0, b"\x08\x02\x10\x01")));
    wire.server(&headers(1, flag::END_STREAM, TRAILERS));
    assert_violations("over", &violations(&mut wire, &cancels, Some(&one)), &[]);
}
