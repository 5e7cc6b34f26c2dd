//! Scripted servers, and clients that a test plays.

use std::sync::Arc;

use super::*;
use crate::{observe::Unfinished, script::ScriptedServer, suite::Habit};

fn server_script(steps: Vec<Step>) -> Script {
    let steps_again = vec![Step::Bytes(b"again".to_vec())];
    let omits = vec![Habit::SettingsAck];
    Script { role: Role::Server, greets: false, omits, steps_again, ..script(steps, Vec::new()) }
}

async fn started(steps: Vec<Step>) -> ScriptedServer {
    ScriptedServer::start(Arc::new(server_script(steps)), LIMIT).await.unwrap()
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
    assert_eq!(server.unfinished(LIMIT).await, None);
}

#[tokio::test]
async fn a_connection_that_asked_for_nothing_does_not_count() {
    let server = started(answer()).await;
    let mut probing = connected(&server).await;
    probing.shutdown().await.unwrap();
    // Read to its end: the server has noticed that it is over.
    let unfinished = server.unfinished(SHORT).await.unwrap();
    assert_eq!(unfinished.why, "waited in vain for a connection");
    let mut stream = asking(&server).await;
    assert_eq!(read(&mut stream, 5).await, b"first");
    assert_eq!(server.unfinished(LIMIT).await, None);
}

#[tokio::test]
async fn where_a_script_stopped_is_said() {
    let pause = Duration::from_secs(10);
    let client = Some(Role::Client);
    for (steps, asks, side, why) in [
        (vec![], false, client, "waited in vain for a request (step 0)"),
        (wait_for_goaway(), true, client, "waited in vain for GOAWAY (step 2)"),
        (vec![data(70_000)], true, client, "waited in vain for room for the DATA of step 2"),
        (vec![Step::Pause(pause)], true, None, "did not come to its end: pause for 10 s (step 2)"),
    ] {
        let server = started([answer(), steps].concat()).await;
        let _stream = if asks { asking(&server).await } else { connected(&server).await };
        let expected = Some(Unfinished { side, why: why.to_owned() });
        assert_eq!(server.unfinished(SHORT).await, expected);
    }
}

#[tokio::test]
async fn what_follows_what_did_not_come_is_left_out() {
    for (optional, expected) in [
        (Awaited::GoAway(Codes::Any), None),
        (Awaited::Headers, Some("waited in vain for GOAWAY (step 3)")),
    ] {
        let optional = vec![Step::MayWaitFor(optional.into())];
        let server = started([answer(), optional, wait_for_goaway()].concat()).await;
        let _stream = asking(&server).await;
        let unfinished = server.unfinished(SHORT).await;
        assert_eq!(unfinished.map(|unfinished| unfinished.why).as_deref(), expected);
    }
}

#[tokio::test]
async fn an_idle_connection_beside_the_one_that_asks_does_not_count() {
    let server = started(answer()).await;
    let idle = connected(&server).await;
    let mut stream = asking(&server).await;
    assert_eq!(read(&mut stream, 5).await, b"first");
    assert_eq!(server.unfinished(LIMIT).await, None);
    drop(idle);
    assert_eq!(server.unfinished(LIMIT).await, None);
}
