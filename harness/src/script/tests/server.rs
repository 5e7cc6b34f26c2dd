//! Scripted servers, and clients that a test plays.

use std::sync::Arc;

use super::*;
use crate::{
    observe::{ShutWindow, Waited},
    outcome::stalled_value,
    report::words,
    script::ScriptedServer,
    suite::{Habit, Settings},
};

fn server_script(steps: Vec<Step>) -> Script {
    let steps_again = vec![Step::Bytes(b"again".to_vec())];
    let omits = vec![Habit::SettingsAck];
    Script { role: Role::Server, greets: false, omits, steps_again, ..script(steps, Vec::new()) }
}

async fn started(steps: Vec<Step>) -> ScriptedServer {
    ScriptedServer::start(Arc::new(server_script(steps)), LIMIT).await.unwrap()
}

/// Where its script stopped, in words.
async fn why(server: &ScriptedServer, steps: &[Step], limit: Duration) -> Option<String> {
    let stalled = server.stalled(limit).await?;
    Some(words::stalled(&stalled_value(&stalled, steps)))
}

async fn connected(server: &ScriptedServer) -> TcpStream {
    TcpStream::connect(&server.address).await.unwrap()
}

/// A connection on which a client has asked for something.
async fn asking(server: &ScriptedServer) -> TcpStream {
    let mut stream = connected(server).await;
    let request = write::headers(1, flag::END_STREAM, &[(":method", "POST")]);
    let greeting = [PREFACE.to_vec(), write::settings(&[]), request].concat();
    stream.write_all(&greeting).await.unwrap();
    stream
}

/// The first bytes that come.
async fn read(stream: &mut TcpStream, bytes: usize) -> Vec<u8> {
    let mut read = vec![0; bytes];
    timeout(LIMIT, stream.read_exact(&mut read)).await.expect("in time").unwrap();
    read
}

fn wait_for_goaway() -> Vec<Step> {
    vec![Step::WaitFor(Awaited::GoAway(Codes::Any).into())]
}

const SHORT: Duration = Duration::from_millis(50);

fn answer() -> Vec<Step> {
    vec![Step::WaitFor(Awaited::Request.into()), Step::Bytes(b"first".to_vec())]
}

#[tokio::test]
async fn later_connections_have_a_script_of_their_own() {
    let server = started(answer()).await;
    let mut first = asking(&server).await;
    assert_eq!(read(&mut first, 5).await, b"first");
    let mut second = asking(&server).await;
    assert_eq!(read(&mut second, 5).await, b"again");
    assert_eq!(server.stalled(LIMIT).await, None);
}

#[tokio::test]
async fn a_connection_that_asked_for_nothing_does_not_count() {
    let server = started(answer()).await;
    let mut probing = connected(&server).await;
    probing.shutdown().await.unwrap();
    // Read to its end: the server has noticed that it is over.
    let words = why(&server, &[], SHORT).await;
    assert_eq!(words.as_deref(), Some("waited in vain for a connection"));
    let mut stream = asking(&server).await;
    assert_eq!(read(&mut stream, 5).await, b"first");
    assert_eq!(server.stalled(LIMIT).await, None);
}

#[tokio::test]
async fn where_a_script_stopped_is_said() {
    let pause = Duration::from_secs(10);
    for (steps, asks, words) in [
        (vec![], false, "waited in vain for a request (step 0): the time was over"),
        (wait_for_goaway(), true, "waited in vain for GOAWAY (step 2): the time was over"),
        (
            vec![data(70_000)],
            true,
            "waited in vain for room for the DATA of step 2: the window of stream 1 is shut at 0, after 65535 bytes, the connection's window is shut at 0, after 65535 bytes",
        ),
        (vec![Step::Pause(pause)], true, "did not come to its end: pause for 10 s (step 2)"),
    ] {
        let steps = [answer(), steps].concat();
        let server = started(steps.clone()).await;
        let _stream = if asks { asking(&server).await } else { connected(&server).await };
        let told = why(&server, &steps, SHORT).await.unwrap();
        // Since when a window is shut, no clock tells twice.
        let is_since = |part: &&str| !part.ends_with("after the connection's start");
        let told: Vec<&str> = told.split(", ").filter(is_since).collect();
        assert_eq!(told.join(", "), words);
    }
}

/// The client opens one of the two windows, and is not asked for the other's sake.
#[tokio::test]
async fn the_window_that_is_shut_is_named() {
    let update = write::window_update;
    for (updates, of_stream) in
        [(vec![update(0, 100_000)], true), (vec![update(1, 100_000)], false)]
    {
        let server = started([answer(), vec![data(70_000)]].concat()).await;
        let mut stream = asking(&server).await;
        stream.write_all(&updates.concat()).await.unwrap();
        let stalled = server.stalled(SHORT).await.unwrap();
        let Waited::ForRoom(windows) = stalled.waited else { panic!("{stalled:?}") };
        let [ShutWindow { stream, left_bytes: 0, sent_bytes: 65_535, since }] = windows[..] else {
            panic!("{windows:?}")
        };
        assert_eq!(stream, of_stream.then_some(1));
        assert!(since > Duration::ZERO && since < LIMIT, "{since:?}");
    }
}

/// What the client does in the place of what is awaited is told, whether or not the time
/// is over.
#[tokio::test]
async fn what_came_instead_is_said() {
    let steps = [answer(), vec![Step::Settings(Settings(vec![])); 3]].concat();
    let wait = vec![Step::WaitFor(Awaited::SettingsAck.into())];
    let steps = [steps, wait].concat();
    for (says, leaves, words) in [
        (vec![], false, "the time was over"),
        (vec![write::settings_ack()], false, "1 of 3 came, the time was over"),
        (
            vec![write::settings_ack(), write::goaway(0, 1)],
            true,
            "the connection ended, GOAWAY PROTOCOL_ERROR came, 1 of 3 came",
        ),
    ] {
        let server = started(steps.clone()).await;
        let mut stream = asking(&server).await;
        stream.write_all(&says.concat()).await.unwrap();
        if leaves {
            stream.shutdown().await.unwrap();
        }
        let words = format!("waited in vain for the acknowledgement of SETTINGS (step 5): {words}");
        assert_eq!(why(&server, &steps, SHORT).await, Some(words));
    }
}

#[tokio::test]
async fn what_follows_what_did_not_come_is_left_out() {
    for (optional, expected) in [
        (Awaited::GoAway(Codes::Any), None),
        (Awaited::Headers, Some("waited in vain for GOAWAY (step 3): the time was over")),
    ] {
        let optional = vec![Step::MayWaitFor(optional.into())];
        let server = started([answer(), optional, wait_for_goaway()].concat()).await;
        let _stream = asking(&server).await;
        assert_eq!(why(&server, &[], SHORT).await.as_deref(), expected);
    }
}

#[tokio::test]
async fn an_idle_connection_beside_the_one_that_asks_does_not_count() {
    let server = started(answer()).await;
    let idle = connected(&server).await;
    let mut stream = asking(&server).await;
    assert_eq!(read(&mut stream, 5).await, b"first");
    assert_eq!(server.stalled(LIMIT).await, None);
    drop(idle);
    assert_eq!(server.stalled(LIMIT).await, None);
}
