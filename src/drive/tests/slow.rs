//! A client that reads slowly.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{SEQUENCE, STREAM, answers_to, call, one};
use crate::testing::{listen, start_server};

const NEVER_MS: u32 = 3_600_000;

#[tokio::test]
async fn every_message_waits_and_the_deadline_does_not() {
    let server = start_server(None).await;
    let methods = [(SEQUENCE, false), (STREAM, false), (STREAM, true)];
    let lines: Vec<String> = methods
        .iter()
        .enumerate()
        .map(|(id, (method, raw))| {
            let slow = json!({
                "method": method,
                "send": one("CAM="),
                "raw": raw,
                "read_delay_ms": NEVER_MS,
                "timeout_ms": 100,
            });
            call(id, &server, slow)
        })
        .collect();

    for answer in answers_to(&lines).await {
        assert_eq!(answer["result"]["status"]["code"], 4, "{answer}");
        assert_eq!(answer["result"]["messages"], json!([]), "{answer}");
    }
}

#[tokio::test]
async fn all_messages_come_in_the_end() {
    let server = start_server(None).await;
    let slow =
        json!({ "method": STREAM, "send": one("CAM="), "read_delay_ms": 1, "timeout_ms": 60_000 });
    let answers = answers_to(&[call(0, &server, slow)]).await;
    assert_eq!(answers[0]["result"]["messages"], json!(["", "CAEQAQ==", "CAEQAg=="]));
}

/// The messages are six megabytes in all; HTTP/2 lets through what the client has
/// room for.
#[tokio::test]
async fn the_server_is_held_back() {
    let (server, received) = count_bytes(start_server(None).await).await;
    let slow = json!({
        "method": STREAM,
        "send": one("CF0="),
        "metadata": [["x-crosswire-size", "65536"]],
        "read_delay_ms": NEVER_MS,
        "timeout_ms": 500,
    });

    let answers = answers_to(&[call(0, &server, slow)]).await;

    assert_eq!(answers[0]["result"]["status"]["code"], 4, "{}", answers[0]);
    let received = received.load(Ordering::Relaxed);
    assert!((1..150_000).contains(&received), "{received} bytes");
}

/// Passes one connection on to `server`, and counts what the server sends.
async fn count_bytes(server: String) -> (String, Arc<AtomicUsize>) {
    let (listener, address) = listen().await;
    let received = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&received);
    tokio::spawn(async move {
        let (near, _) = listener.accept().await?;
        let far = TcpStream::connect(server).await?;
        let (mut near_read, mut near_write) = near.into_split();
        let (mut far_read, mut far_write) = far.into_split();
        tokio::spawn(async move { tokio::io::copy(&mut near_read, &mut far_write).await });
        let mut buffer = [0; 1 << 14];
        loop {
            let length = far_read.read(&mut buffer).await?;
            if length == 0 {
                return near_write.shutdown().await;
            }
            count.fetch_add(length, Ordering::Relaxed);
            near_write.write_all(&buffer[..length]).await?;
        }
    });
    (address, received)
}
