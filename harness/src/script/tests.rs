//! Scripts against sides that a test plays: what is seen of them, what is allowed, and
//! that nothing they do keeps a script from its end.

mod server;

use std::{sync::Arc, time::Duration};

use crosswire_http2::{
    frame::{PREFACE, flag, kind},
    hpack, message, write,
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::{Instant, timeout},
};

use super::{ScriptedServer, play_client};
use crate::{
    observe::{Answered, Played, StreamSeen, Waited},
    outcome::{allows, describe, stalled_value},
    report::words,
    role::Role,
    rules::samples::get_sequence,
    suite::{
        Allowed, AnyOf, Awaited, Beside, Call, Code, Codes, Cut, Ending, EndingKind, ErrorCode,
        Extent, Habit, Script, Step, StreamRef,
    },
};

/// Far more than any of this takes, and less than a test may hang.
const LIMIT: Duration = Duration::from_secs(20);

const REQUEST: &[(&str, &str)] = &[(":method", "POST")];
const RESPONSE: &[(&str, &str)] = &[(":status", "200"), ("content-type", "application/grpc")];

fn script(steps: Vec<Step>, kinds: Vec<EndingKind>) -> Script {
    Script {
        steps_again: steps.clone(),
        steps,
        endings: kinds.into_iter().map(Ending::of).collect(),
        ..Script::of_no_steps(Role::Client)
    }
}

fn request() -> Step {
    Step::Headers {
        opens: true,
        stream: StreamRef::Current,
        block: hpack::encode(&[(":method", "POST")]),
        flags: flag::END_STREAM,
        ends_block: true,
        pieces: Vec::new(),
        padding: None,
        has_priority: false,
    }
}

fn data(bytes: usize) -> Step {
    Step::Data {
        stream: StreamRef::Current,
        content: vec![0; bytes],
        ends_stream: false,
        pieces: Vec::new(),
        padding: None,
        heeds_windows: true,
    }
}

fn call(timeout: Duration) -> Call {
    Call { timeout, ..get_sequence() }
}

/// A server that answers the first bytes with these, and whatever it does then.
async fn server<Rest: Future<Output = ()> + Send + 'static>(
    answer: Vec<u8>,
    then: impl Fn(TcpStream) -> Rest + Send + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut some = [0; 24];
            let _ = stream.read_exact(&mut some).await;
            let _ = stream.write_all(&answer).await;
            tokio::spawn(then(stream));
        }
    });
    address
}

/// Reads until the other side has closed.
async fn drain(mut stream: TcpStream) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(1..) = stream.read(&mut buffer).await {}
}

async fn stall(stream: TcpStream) {
    tokio::time::sleep(LIMIT).await;
    drop(stream);
}

async fn leave(stream: TcpStream) {
    drop(stream);
}

async fn answer_pings(mut stream: TcpStream) {
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        stream.read_exact(&mut payload).await.unwrap();
        if head[3] == kind::PING {
            stream.write_all(&write::ping(flag::ACK, payload)).await.unwrap();
        }
    }
}

async fn played(address: &str, script: &Script, limit: Duration) -> Played {
    let call = call(limit);
    timeout(LIMIT, play_client(address, script, &call)).await.expect("the script comes to its end")
}

fn answer_with(frames: &[Vec<u8>]) -> Vec<u8> {
    [write::settings(&[]), frames.concat()].concat()
}

fn ended_with(fields: &[(&str, &str)]) -> Vec<u8> {
    write::headers(1, flag::END_STREAM, &[RESPONSE, fields].concat())
}

#[tokio::test]
async fn a_script_ends_as_soon_as_an_allowed_outcome_is_there() {
    let status = |code| EndingKind::Status(vec![Code(code)]);
    let any = || EndingKind::Reset(Codes::Any);
    for (name, answer, kind) in [
        ("a status", ended_with(&[("grpc-status", "13")]), status(13)),
        ("a reset", write::reset(1, 8), any()),
        ("GOAWAY", write::goaway(0, 1), EndingKind::GoAway(Codes::Any)),
    ] {
        let address = server(answer_with(&[answer]), stall).await;
        let script = script(vec![request()], vec![kind]);
        let began = Instant::now();
        let played = played(&address, &script, LIMIT).await;
        assert!(allows(&script.endings[0], &get_sequence().method, &played), "{name}: {played:?}");
        assert!(began.elapsed() < LIMIT / 2, "{name}");
    }
}

#[tokio::test]
async fn a_stream_that_is_over_ends_a_script_that_wants_something_else_of_it() {
    let address = server(answer_with(&[ended_with(&[("grpc-status", "0")])]), stall).await;
    let script = script(vec![request()], vec![EndingKind::Reset(Codes::Any)]);
    let played = played(&address, &script, LIMIT).await;
    assert!(played.streams[&1].has_ended && !played.is_late);
}

/// A connection that goes on is asked whether it does, and does not cost the whole time.
#[tokio::test]
async fn a_connection_that_answers_the_last_question_does_not_end() {
    let ok = ended_with(&[("grpc-status", "0")]);
    let script = script(vec![request()], vec![EndingKind::GoAway(Codes::Any)]);
    let address = server(answer_with(&[ok]), answer_pings).await;
    let played = played(&address, &script, LIMIT).await;
    assert!(played.streams[&1].has_ended && !played.is_late, "{played:?}");
    assert_eq!(played.pings, Answered::default(), "it is none of the script's");
}

#[tokio::test]
async fn another_stream_of_an_outcome_is_waited_for() {
    let answer = answer_with(&[write::reset(3, 7), write::reset(1, 8)]);
    let address = server(answer, stall).await;
    let mut script = script(vec![request(), request()], vec![EndingKind::Reset(Codes::Any)]);
    let also = Ending::of(EndingKind::Reset(Codes::These(vec![ErrorCode(8)])));
    script.endings[0].also = vec![Ending { stream: Some(1), ..also }];
    let played = played(&address, &script, LIMIT).await;
    assert!(allows(&script.endings[0], &get_sequence().method, &played), "{played:?}");
    let described = describe(&[1, 3], &get_sequence().method, &played);
    let streams = json!({ "1": { "reset": "CANCEL" }, "3": { "reset": "REFUSED_STREAM" } });
    assert_eq!(described, json!({ "streams": streams }));
}

#[tokio::test]
async fn silence_is_only_what_lasts_until_the_time_is_over() {
    let limit = Duration::from_millis(50);
    let silence = script(vec![request()], vec![EndingKind::Silence]);
    let is_silent = |played: &Played| allows(&silence.endings[0], &get_sequence().method, played);
    let quiet = server(answer_with(&[]), stall).await;
    assert!(is_silent(&played(&quiet, &silence, limit).await));
    let closing = server(answer_with(&[]), leave).await;
    assert!(!is_silent(&played(&closing, &silence, limit).await));
    let answering = server(answer_with(&[write::reset(1, 2)]), stall).await;
    assert!(!is_silent(&played(&answering, &silence, limit).await));
}

#[tokio::test]
async fn what_is_waited_for_in_vain_is_said() {
    let reset = || EndingKind::Reset(Codes::Any);
    let wait =
        |awaited: Awaited| script(vec![request(), Step::WaitFor(awaited.into())], vec![reset()]);
    let limit = Duration::from_millis(50);
    let stalled = |played: Played| {
        played
            .stalled
            .map(|stalled| (words::stalled(&stalled_value(&stalled, &[])), !stalled.is_late))
    };

    let quiet = server(answer_with(&[]), stall).await;
    let seen = stalled(played(&quiet, &wait(Awaited::PingAck), limit).await);
    assert_eq!(seen, None, "no PING was sent, so none waits for its answer");
    let seen = stalled(played(&quiet, &wait(Awaited::Messages(2)), limit).await);
    let why = "waited in vain for 2 messages (step 1): the time was over";
    assert_eq!(seen, Some((why.to_owned(), false)));

    let leaving = server(answer_with(&[]), leave).await;
    let seen = stalled(played(&leaving, &wait(Awaited::WindowUpdate), LIMIT).await);
    let why = "waited in vain for WINDOW_UPDATE (step 1): the connection ended";
    assert_eq!(seen, Some((why.to_owned(), true)));

    let resetting = server(answer_with(&[write::reset(1, 8)]), stall).await;
    let seen = stalled(played(&resetting, &wait(Awaited::Headers), LIMIT).await);
    let why = "waited in vain for HEADERS (step 1): the stream ended, RST_STREAM CANCEL came";
    assert_eq!(seen, Some((why.to_owned(), true)));

    let codes = |code| Codes::These(vec![ErrorCode(code)]);
    assert_eq!(stalled(played(&resetting, &wait(Awaited::Reset(codes(8))), LIMIT).await), None);
    let seen = stalled(played(&resetting, &wait(Awaited::Reset(codes(1))), LIMIT).await);
    let why = "waited in vain for RST_STREAM PROTOCOL_ERROR (step 1): RST_STREAM CANCEL came";
    assert_eq!(seen, Some((why.to_owned(), true)));

    let other = AnyOf(vec![Awaited::Reset(codes(1)), Awaited::Close]);
    let other = script(vec![request(), Step::WaitFor(other)], vec![reset()]);
    let reset_and_closed = server(answer_with(&[write::reset(1, 8)]), leave).await;
    assert_eq!(stalled(played(&reset_and_closed, &other, LIMIT).await), None);
    let seen = stalled(played(&resetting, &other, limit).await);
    let why = "waited in vain for RST_STREAM PROTOCOL_ERROR or the end of the connection (step 1): RST_STREAM CANCEL came, the time was over";
    assert_eq!(seen, Some((why.to_owned(), false)));

    // Another GOAWAY may follow, so the time decides.
    let leaving = server(answer_with(&[write::goaway(0, 0)]), stall).await;
    assert_eq!(stalled(played(&leaving, &wait(Awaited::GoAway(codes(0))), LIMIT).await), None);
    let seen = stalled(played(&leaving, &wait(Awaited::GoAway(codes(1))), limit).await);
    let why = "waited in vain for GOAWAY PROTOCOL_ERROR (step 1): GOAWAY NO_ERROR came, the time was over";
    assert_eq!(seen, Some((why.to_owned(), false)));
    let both = [write::goaway(0, 1), write::goaway(0, 0)];
    let leaving = server(answer_with(&both), stall).await;
    assert_eq!(stalled(played(&leaving, &wait(Awaited::GoAway(codes(1))), LIMIT).await), None);
}

#[tokio::test]
async fn room_is_waited_for_no_longer_than_the_stream_lives() {
    // More than the window, which nobody opens.
    let steps = || vec![request(), data(70_000)];
    let resetting = server(answer_with(&[write::reset(1, 0)]), drain).await;
    let script_of = |kind| script(steps(), vec![kind]);
    let seen = played(&resetting, &script_of(EndingKind::Reset(Codes::Any)), LIMIT).await;
    assert!(seen.stalled.is_none() && !seen.is_late, "{seen:?}");
    let quiet = server(answer_with(&[]), drain).await;
    let limit = Duration::from_millis(50);
    let seen = played(&quiet, &script_of(EndingKind::Silence), limit).await;
    assert!(seen.stalled.is_some_and(|stalled| stalled.is_late));
    let opening = server(
        answer_with(&[write::window_update(0, 10_000), write::window_update(1, 10_000)]),
        drain,
    )
    .await;
    let seen = played(&opening, &script_of(EndingKind::Silence), limit).await;
    assert_eq!(seen.stalled, None);
}

#[tokio::test]
async fn a_server_that_does_not_read_keeps_no_script_from_its_end() {
    let address = server(answer_with(&[write::goaway(0, 11)]), stall).await;
    let flood = Step::Frame {
        kind: kind::PING,
        flags: 0,
        stream: StreamRef::Number(0),
        payload: vec![0; 16_000],
    };
    let script = script(vec![flood; 2000], vec![EndingKind::GoAway(Codes::Any)]);
    let played = played(&address, &script, LIMIT).await;
    assert_eq!(played.goaways, [11]);
}

#[tokio::test]
async fn a_reset_comes_after_all_that_was_sent_before_and_is_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let read = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut all = Vec::new();
        let error = stream.read_to_end(&mut all).await.expect_err("no ordinary end");
        (all.len(), error.kind())
    });
    let steps = vec![Step::Bytes(vec![7; 500]), Step::Close(Cut::Reset)];
    let script = Script { greets: false, ..script(steps, vec![EndingKind::Closed]) };
    let played = played(&address, &script, LIMIT).await;
    assert!(played.is_closed && played.stalled.is_none());
    let (_, kind) = timeout(LIMIT, read).await.unwrap().unwrap();
    assert_eq!(kind, std::io::ErrorKind::ConnectionReset);
}

/// A client may begin with stream 3, as grpc-java's does, and leave numbers out.
#[tokio::test]
async fn a_server_calls_streams_by_their_order() {
    let reset = |stream| Step::Frame {
        kind: kind::RST_STREAM,
        flags: 0,
        stream: StreamRef::Number(stream),
        payload: vec![0; 4],
    };
    let goaway =
        |last| Step::GoAway { stream: StreamRef::Number(0), last, code: 0, debug: String::new() };
    let named = [1, 3, 5, 9, 2, (1 << 31) + 1];
    let steps = [
        vec![Step::WaitFor(Awaited::Request.into()), Step::WaitFor(Awaited::Request.into())],
        named.map(reset).to_vec(),
        [1, 0, (1 << 31) - 1].map(goaway).to_vec(),
        vec![Step::Close(Cut::Close)],
    ];
    let omits = vec![Habit::SettingsAck];
    let script = Script { role: Role::Server, omits, ..script(steps.concat(), Vec::new()) };
    let server = ScriptedServer::start(Arc::new(script), LIMIT).await.unwrap();
    let mut client = TcpStream::connect(&server.address).await.unwrap();
    let requests = [101, 107].map(|stream| write::headers(stream, flag::END_STREAM, REQUEST));
    let said = [PREFACE.to_vec(), write::settings(&[]), requests.concat()].concat();
    client.write_all(&said).await.unwrap();
    let mut heard = Vec::new();
    timeout(LIMIT, client.read_to_end(&mut heard)).await.unwrap().unwrap();
    let resets = [101, 107, 109, 113, 2, (1 << 31) + 101].map(|stream| write::reset(stream, 0));
    let goaways = [101, 0, (1 << 31) - 1].map(|last| write::goaway(last, 0));
    assert_eq!(heard, [write::settings(&[]), resets.concat(), goaways.concat()].concat());
}

#[tokio::test]
async fn a_server_that_nobody_reaches_has_closed_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let script = script(vec![request()], vec![EndingKind::Closed]);
    let stalled = played(&address, &script, LIMIT).await.stalled.expect("a reason");
    let Waited::Connection(Some(_)) = &stalled.waited else { panic!("{stalled:?}") };
    let words = words::stalled(&stalled_value(&stalled, &[]));
    assert!(words.starts_with("could not connect: "), "{words}");
}

#[tokio::test]
async fn bytes_that_are_no_http2_end_a_script() {
    let broken = write::frame(kind::HEADERS, flag::END_HEADERS, 1, &[0x80]);
    let lost = write::frame(kind::CONTINUATION, flag::END_HEADERS, 1, &[]);
    for answer in [broken, lost] {
        let address = server(answer_with(&[answer]), stall).await;
        let script = script(vec![request()], vec![EndingKind::Closed]);
        let played = played(&address, &script, LIMIT).await;
        assert!(played.unreadable.is_some() && !played.is_late, "{played:?}");
    }
}

#[tokio::test]
async fn a_server_may_answer_in_another_protocol() {
    for (pieces, expected) in [
        (&["HTTP/1.1 400 Bad Request\r\n\r\n"][..], Some("HTTP/1")),
        (&["HTT", "P/1.0 400 Bad Request\r\n\r\n"], Some("HTTP/1")),
        (&["\x15", "\x03\x03\0\x02\x02\x46"], Some("TLS")),
        (&["HTTPS"], None),
    ] {
        let answer = move |mut stream: TcpStream| async move {
            for piece in pieces {
                let _ = stream.write_all(piece.as_bytes()).await;
            }
            let _ = stream.shutdown().await;
            drain(stream).await;
        };
        let address = server(Vec::new(), answer).await;
        let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec();
        let script = script(vec![Step::Bytes(request)], vec![EndingKind::Silence]);
        let played = played(&address, &Script { greets: false, ..script }, LIMIT).await;
        assert_eq!(played.other_protocol, expected, "{pieces:?}");
    }
}

#[tokio::test]
async fn a_server_that_never_stops_is_bounded() {
    let endless = |mut stream: TcpStream| async move {
        let frame = write::data(1, 0, &[0; 16_384]);
        while stream.write_all(&frame).await.is_ok() {}
    };
    let address = server(answer_with(&[]), endless).await;
    let script = script(vec![request()], vec![EndingKind::Closed]);
    let played = played(&address, &script, LIMIT).await;
    let why = played.beyond.expect("too much");
    assert!(why.starts_with("more than "), "{why}");
    assert_eq!(played.unreadable, None, "nothing says that it is wrong");
}

#[tokio::test]
async fn the_first_reset_of_a_stream_counts() {
    let answer = answer_with(&[write::reset(1, 7), write::reset(1, 5), write::goaway(0, 0)]);
    let address = server(answer, stall).await;
    let script = script(vec![request()], vec![EndingKind::GoAway(Codes::Any)]);
    assert_eq!(played(&address, &script, LIMIT).await.streams[&1].reset, Some(7));
}

#[tokio::test]
async fn the_call_beside_a_script_is_made_meanwhile_and_afterwards() {
    let address = server(answer_with(&[ended_with(&[("grpc-status", "0")])]), stall).await;
    let ending =
        Ending { message_count: Some(0), ..Ending::of(EndingKind::Status(vec![Code::OK])) };
    let beside = Beside { steps: vec![request()], ending: ending.clone(), limit: LIMIT };
    let script = Script { beside: Some(beside), ..script(vec![], vec![EndingKind::Silence]) };
    let played = played(&address, &script, Duration::from_millis(50)).await;
    assert_eq!(played.beside.len(), 2);
    for beside in &played.beside {
        assert!(allows(&ending, &get_sequence().method, beside), "{beside:?}");
    }
}

#[test]
fn outcomes_are_told_apart() {
    let fields = |fields: &[(&str, &str)]| -> Vec<(String, String)> {
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let message = |payload: &'static [u8]| message::Message::of(payload.into());
    let ok = StreamSeen {
        blocks: vec![fields(RESPONSE), fields(&[("grpc-status", "0")])],
        messages: vec![message(b"")],
        has_ended: true,
        ..StreamSeen::default()
    };
    let open = StreamSeen { has_ended: false, ..ok.clone() };
    let courteous = StreamSeen { reset: Some(0), ..ok.clone() };
    let late = StreamSeen { reset: Some(5), ..ok.clone() };
    let reset = StreamSeen { reset: Some(0), ..StreamSeen::default() };
    let http = StreamSeen {
        blocks: vec![fields(&[(":status", "103")]), fields(&[(":status", "415")])],
        has_ended: true,
        ..StreamSeen::default()
    };
    let bare =
        StreamSeen { blocks: vec![fields(RESPONSE)], has_ended: true, ..StreamSeen::default() };
    let odd = StreamSeen {
        blocks: vec![fields(&[(":status", "200"), ("grpc-status", "abc")])],
        has_ended: true,
        ..StreamSeen::default()
    };
    let of = |status: &str, pairs: &[(&str, &str)]| StreamSeen {
        blocks: vec![[fields(&[(":status", status)]), fields(pairs)].concat()],
        has_ended: true,
        ..StreamSeen::default()
    };
    let lost = of("404", &[("grpc-status", "12")]);
    let contradictory = of("404", &[("grpc-status", "0")]);
    let html = of("200", &[("content-type", "text/html")]);
    let nothing = of("200", &[]);
    let moved = of("307", &[("location", "/")]);
    let half = StreamSeen { has_ended: false, ..html.clone() };
    let web = of("200", &[("content-type", "application/grpc-web+proto")]);
    let class = |extent| EndingKind::Class { name: "class".to_owned(), extent };
    let refused = || {
        class(Extent {
            statuses: Allowed::Any,
            http: Allowed::Any,
            resets: Allowed::Any,
            ..Extent::default()
        })
    };
    let foreign = || class(Extent { is_foreign: true, ..Extent::default() });
    let status = |code| EndingKind::Status(vec![Code(code)]);
    let any = || EndingKind::Reset(Codes::Any);
    let these = |code| EndingKind::Reset(Codes::These(vec![ErrorCode(code)]));
    for (name, kind, seen, expected) in [
        ("OK", status(0), &ok, true),
        ("another status", status(2), &ok, false),
        ("a response without its end", status(0), &open, false),
        ("a response without a status", status(0), &bare, false),
        ("a status that is none", status(0), &odd, false),
        ("an HTTP status", EndingKind::Http(vec![415]), &http, true),
        ("an informational one", EndingKind::Http(vec![103]), &http, false),
        ("200 with a status", EndingKind::Http(vec![415]), &ok, false),
        ("any reset", any(), &reset, true),
        ("no reset", any(), &ok, false),
        ("a reset that says that the rest is not needed", any(), &courteous, false),
        ("the same by its code", these(0), &courteous, false),
        ("a reset after the answer", these(5), &late, true),
        ("another reset", these(7), &late, false),
        ("closed", EndingKind::Closed, &ok, false),
        ("GOAWAY", EndingKind::GoAway(Codes::Any), &ok, false),
        ("silence", EndingKind::Silence, &ok, false),
        ("a status with an HTTP error", status(12), &lost, true),
        ("the HTTP error with a status", EndingKind::Http(vec![404]), &lost, true),
        ("OK with an HTTP error", status(0), &contradictory, false),
        ("a refusal by a status", refused(), &lost, true),
        ("a refusal by HTTP", refused(), &http, true),
        ("a refusal by a reset", refused(), &reset, true),
        ("no refusal, but an answer", refused(), &ok, false),
        ("no refusal, and no answer", refused(), &bare, false),
        ("an answer of another protocol", foreign(), &html, true),
        ("one that is not whole", foreign(), &half, false),
        ("gRPC's answer", foreign(), &ok, false),
        ("an answer of gRPC-Web", foreign(), &web, true),
        ("a refusal without a type", foreign(), &http, false),
        ("nothing, as to HEAD", foreign(), &nothing, true),
        ("gRPC's status without a type", foreign(), &odd, false),
        ("a refusal by a redirection", refused(), &moved, true),
    ] {
        let streams = [(1, seen.clone())].into();
        let played = Played { last_stream: 1, streams, is_late: true, ..Played::default() };
        let method = get_sequence().method;
        assert_eq!(allows(&Ending::of(kind), &method, &played), expected, "{name}");
    }
}

#[test]
fn the_details_of_an_outcome_count() {
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let seen = StreamSeen {
        blocks: vec![
            vec![field(":status", "103")],
            vec![field(":status", "200"), field("a", "1")],
            vec![field("grpc-status", "0"), field("b", "2")],
        ],
        has_ended: true,
        ..StreamSeen::default()
    };
    let played = Played { last_stream: 3, streams: [(3, seen)].into(), ..Played::default() };
    let ok = || Ending::of(EndingKind::Status(vec![Code::OK]));
    let closed = || Ending::of(EndingKind::Closed);
    for (name, ending, expected) in [
        ("the last stream", ok(), true),
        ("another stream", Ending { stream: Some(1), ..ok() }, false),
        ("no messages", Ending { message_count: Some(0), messages: Some(vec![]), ..ok() }, true),
        ("one message", Ending { message_count: Some(1), ..ok() }, false),
        (
            "fields of both blocks",
            Ending { fields: vec![field("a", "1"), field("b", "2")], ..ok() },
            true,
        ),
        ("another value", Ending { fields: vec![field("a", "2")], ..ok() }, false),
        ("two blocks beside the interim one", Ending { blocks: Some(2), ..ok() }, true),
        ("three of them", Ending { blocks: Some(3), ..ok() }, false),
        ("a field that is not there", Ending { lacks: vec!["c".to_owned()], ..ok() }, true),
        ("a field that is", Ending { lacks: vec!["b".to_owned()], ..ok() }, false),
        ("itself, too", Ending { also: vec![ok()], ..ok() }, true),
        ("what is not there, too", Ending { also: vec![closed()], ..ok() }, false),
    ] {
        assert_eq!(allows(&ending, &get_sequence().method, &played), expected, "{name}");
    }
    let ending = Ending { max_frame_size: Some(16_385), ..ok() };
    for (said, expected) in [(None, false), (Some(16_384), false), (Some(1 << 20), true)] {
        let played = Played { max_frame_size: said, ..played.clone() };
        assert_eq!(allows(&ending, &get_sequence().method, &played), expected, "{said:?}");
    }
}
