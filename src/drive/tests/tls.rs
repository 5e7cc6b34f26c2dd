//! Calls over TLS, and what goes wrong before there is any.

use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

use super::{SEQUENCE, answers_to, call, one};
use crate::testing::{Certificates, listen, start_server, within_limit};
use crate::tls;

fn sequence(tls: Value) -> Value {
    json!({ "method": SEQUENCE, "send": one("CAM="), "tls": tls })
}

async fn codes(target: &str, calls: &[Value]) -> Vec<Value> {
    let lines: Vec<String> =
        calls.iter().enumerate().map(|(id, asked)| call(id, target, asked.clone())).collect();
    let answers = answers_to(&lines).await;
    answers.iter().map(|answer| answer["result"]["status"]["code"].clone()).collect()
}

#[tokio::test]
async fn the_server_must_be_who_it_is_called() {
    let files = Certificates::new();
    let strangers = Certificates::new();
    let config = tls::server(&files.server()).expect("a certificate");
    let server = start_server(Some(config)).await;
    let calls = [
        sequence(json!({ "ca": files.ca(), "server_name": "crosswire.test" })),
        sequence(json!({ "ca": files.ca(), "server_name": "other.test" })),
        sequence(json!({ "ca": files.ca() })),
        sequence(json!({ "ca": strangers.ca(), "server_name": "crosswire.test" })),
        json!({ "method": SEQUENCE, "send": one("") }),
    ];
    assert_eq!(codes(&server, &calls).await, [0, 14, 14, 14, 14]);
}

#[tokio::test]
async fn a_client_shows_its_certificate_if_it_is_asked() {
    let files = Certificates::new();
    let strangers = Certificates::new();
    let config = tls::server(&files.server()).expect("a certificate");
    let config = tls::ask_clients(config, &files.ca()).expect("a CA");
    let server = start_server(Some(config)).await;
    let with = |identity: tls::IdentityFiles| {
        sequence(json!({
            "ca": files.ca(),
            "server_name": "crosswire.test",
            "certificate": identity.certificate,
            "key": identity.key,
        }))
    };
    let calls = [
        with(files.client()),
        with(strangers.client()),
        sequence(json!({ "ca": files.ca(), "server_name": "crosswire.test" })),
    ];
    assert_eq!(codes(&server, &calls).await, [0, 14, 14]);
}

#[tokio::test]
async fn a_plaintext_server_speaks_no_tls() {
    let files = Certificates::new();
    let server = start_server(None).await;
    let calls = [sequence(json!({ "ca": files.ca(), "server_name": "crosswire.test" }))];
    assert_eq!(codes(&server, &calls).await, [14]);
}

/// A ClientHello is not encrypted.
#[tokio::test]
async fn the_name_is_sent_as_sni() {
    let files = Certificates::new();
    let (listener, address) = listen().await;
    let server = async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut hello = [0; 2048];
        let length = stream.read(&mut hello).await.expect("a hello");
        String::from_utf8_lossy(&hello[..length]).into_owned()
    };
    let calls = [sequence(json!({ "ca": files.ca(), "server_name": "crosswire.test" }))];
    let (hello, codes) =
        within_limit(async { tokio::join!(server, codes(&address, &calls)) }).await;
    assert!(hello.contains("crosswire.test"), "{hello:?}");
    assert!(hello.contains("h2"), "{hello:?}");
    assert_eq!(codes, [14]);
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named() {
    let files = Certificates::new();
    let server = start_server(None).await;
    let (ca, client) = (files.ca(), files.client());
    let text = files.write("text", "no PEM");
    let absent = files.path("absent");
    let table = [
        (
            json!({ "ca": absent }),
            format!("tls: cannot read \"{absent}\": no such file or directory"),
        ),
        (json!({ "ca": text }), format!("tls: no certificate in \"{text}\"")),
        (
            json!({ "ca": ca, "certificate": text, "key": client.key }),
            format!("tls: no certificate in \"{text}\""),
        ),
        (
            json!({ "ca": ca, "certificate": client.certificate, "key": ca }),
            format!("tls: no private key in \"{ca}\""),
        ),
        (
            json!({ "ca": ca, "certificate": client.certificate }),
            "tls: certificate and key go together; give both, or none".to_owned(),
        ),
        (json!({ "ca": ca, "server_name": "a b" }), "tls: \"a b\": ".to_owned()),
    ];
    let lines: Vec<String> = table
        .iter()
        .enumerate()
        .map(|(id, (tls, _))| call(id, &server, sequence(tls.clone())))
        .collect();

    let answers = answers_to(&lines).await;

    assert_eq!(answers.len(), table.len());
    for (answer, (tls, expected)) in answers.iter().zip(&table) {
        let why = answer["unsupported"]["why"].as_str().expect("a reason");
        assert!(why.starts_with(expected), "{tls}: got {why:?}, want {expected:?}");
    }
}
