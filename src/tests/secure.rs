//! Servers and clients that speak TLS.

use serde_json::{Value, json};

use crate::certificates::Certificates;
use crate::peers::{Ended, HANG_LIMIT, peers};

#[test]
fn both_sides_prove_who_they_are() {
    let files = Certificates::new();
    let [server_files, client_files] = [files.server(), files.client()];
    let client_certificate = json!({
        "ca": files.ca(),
        "server_name": "crosswire.test",
        "certificate": client_files.certificate,
        "key": client_files.key,
    });
    let table = [
        (client_certificate, 0),
        (json!({ "ca": files.ca(), "server_name": "crosswire.test" }), 14),
        (json!({ "ca": files.ca(), "server_name": "other.test" }), 14),
        (Value::Null, 14),
    ];
    for peer in peers() {
        let name = &peer.name;
        let mut server = peer.start_server(&[
            "--listen",
            "127.0.0.1:0",
            "--tls-cert",
            &server_files.certificate,
            "--tls-key",
            &server_files.key,
            "--tls-client-ca",
            &files.ca(),
        ]);
        let address = server.next_address();
        let mut client = peer.start_client(&["drive"]);
        client.say_hello().expect("a reader");
        client.next_line().expect("an answer");
        for (id, (tls, code)) in table.iter().enumerate() {
            client.write_line(&call_line(id, &address, tls)).expect("a reader");
            let answer = client.next_line().expect("an answer");
            let answer: Value = serde_json::from_str(&answer).expect("JSON");
            assert_eq!(answer["result"]["status"]["code"], *code, "{name}: {tls}: {answer}");
        }
        client.stdin = None;
        assert_eq!(client.wait(), Ended::silently(0), "{name}");
    }
}

fn call_line(id: usize, target: &str, tls: &Value) -> String {
    let mut call = json!({
        "id": id,
        "case": "a/case",
        "target": target,
        "method": "FibonacciService/GetSequence",
        "send": [{ "message": "CAM=" }, { "half_close": true }],
        "timeout_ms": HANG_LIMIT.as_millis() as u64,
    });
    if !tls.is_null() {
        call["tls"] = tls.clone();
    }
    json!({ "call": call }).to_string()
}
