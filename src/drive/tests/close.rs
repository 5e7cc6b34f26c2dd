//! A client that is told that no more calls come.

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional, duplex};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::{SEQUENCE, call, id, one};
use crate::drive::run;
use crate::library::Library;
use crate::testing::{listen, start_server, within_limit};

#[tokio::test]
async fn connections_to_the_target_end_and_no_others() {
    let (first, mut first_ended) = announce_ends(start_server(None).await).await;
    let (second, mut second_ended) = announce_ends(start_server(None).await).await;
    let (ours, theirs) = duplex(1 << 16);
    let (input, output) = tokio::io::split(theirs);
    let harness = async move {
        let (answers, mut questions) = tokio::io::split(ours);
        let mut answers = BufReader::new(answers);
        let mut ask = async |target: &str, number: usize| {
            let line = call(number, target, json!({ "method": SEQUENCE, "send": one("") })) + "\n";
            questions.write_all(line.as_bytes()).await.expect("a reader");
            let mut answer = String::new();
            answers.read_line(&mut answer).await.expect("an answer");
            let answer: Value = serde_json::from_str(&answer).expect("JSON");
            assert_eq!(id(&answer), number as u64);
            assert_eq!(answer["result"]["status"]["code"], 0, "{answer}");
            if number < 3 {
                return;
            }
            for target in ["127.0.0.1:1", target] {
                let close = json!({ "close": { "target": target } }).to_string() + "\n";
                questions.write_all(close.as_bytes()).await.expect("a reader");
            }
        };
        ask(&first, 1).await;
        ask(&second, 2).await;
        ask(&first, 3).await;
        first_ended.recv().await.expect("an end");
        // A new connection, which ends as well.
        ask(&first, 4).await;
        first_ended.recv().await.expect("an end");
        ask(&second, 0).await;
        assert!(second_ended.try_recv().is_err(), "the other target's connection has ended");
        // The session's input ends here.
    };
    let session = run(Library::Layered, BufReader::new(input), output);
    let (session, ()) = within_limit(async { tokio::join!(session, harness) }).await;
    session.expect("a session");
}

/// Passes connections on to `server`, and tells of the end of each.
async fn announce_ends(server: String) -> (String, mpsc::UnboundedReceiver<()>) {
    let (listener, address) = listen().await;
    let (sender, ended) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let (server, sender) = (server.clone(), sender.clone());
            tokio::spawn(async move {
                let mut far = TcpStream::connect(server).await.expect("a server");
                // However it ends, it has ended.
                let _ = copy_bidirectional(&mut near, &mut far).await;
                let _ = sender.send(());
            });
        }
    });
    (address, ended)
}
