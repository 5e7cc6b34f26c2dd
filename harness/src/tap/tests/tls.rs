//! TLS at the tap, with real handshakes.

use std::{io, path::Path, sync::Arc};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{
    TlsAcceptor, TlsConnector, client,
    rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        crypto::{CryptoProvider, ring},
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
        server::WebPkiClientVerifier,
    },
    server,
};
use tokio_util::either::Either;

use super::*;
use crate::{
    certificates::{Certificates, Identity},
    role::Role,
    suite::Fault,
    tap::{Ends, Seen, Tls},
    wire::transcript::{Alpn, Pair, What},
};

fn provider() -> Arc<CryptoProvider> {
    ring::default_provider().into()
}

fn chain(path: &Path) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(path).unwrap().collect::<Result<_, _>>().unwrap()
}

fn roots(ca: &Path) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    roots
}

/// A client that trusts a CA, shows a certificate, and offers protocols.
fn client(ca: &Path, identity: Option<&Identity>, alpn: &[&str]) -> TlsConnector {
    let config = ClientConfig::builder_with_provider(provider());
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots(ca));
    let mut config = match identity {
        None => config.with_no_client_auth(),
        Some(Identity { certificate, key }) => {
            let key = PrivateKeyDer::from_pem_file(key).unwrap();
            config.with_client_auth_cert(chain(certificate), key).unwrap()
        }
    };
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config).into()
}

/// A server that shows a certificate, asks for one of a CA, and knows protocols.
fn server(identity: &Identity, client_ca: Option<&Path>, alpn: &[&str]) -> TlsAcceptor {
    let config = ServerConfig::builder_with_provider(provider());
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = match client_ca {
        None => config.with_no_client_auth(),
        Some(ca) => {
            let roots = Arc::new(roots(ca));
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
            config.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let key = PrivateKeyDer::from_pem_file(&identity.key).unwrap();
    let mut config = config.with_single_cert(chain(&identity.certificate), key).unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config).into()
}

fn ends(certificates: &Certificates) -> Ends {
    let Identity { certificate, key } = certificates.server();
    Ends {
        certificate,
        key,
        client_ca: None,
        server_ca: certificates.ca(),
        server_name: "localhost".to_owned(),
        client_certificate: None,
        plain: None,
    }
}

/// Both sides with the tap between them, as far as their handshakes have led.
struct Meeting {
    tap: Tap,
    client: io::Result<client::TlsStream<TcpStream>>,
    server: io::Result<server::TlsStream<TcpStream>>,
}

impl Meeting {
    async fn new(behaviour: Behaviour, client: TlsConnector, server: TlsAcceptor) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().into();
        let tap = Tap::start(&address, behaviour).unwrap();
        let target = tap.address().to_string();
        let name = ServerName::try_from("localhost").unwrap();
        let (client, server) = tokio::join!(
            async { client.connect(name, TcpStream::connect(target).await?).await },
            async { server.accept(listener.accept().await?.0).await },
        );
        Self { tap, client, server }
    }

    async fn ended(ends: Ends, client: TlsConnector, server: TlsAcceptor) -> Self {
        let behaviour = Behaviour { tls: Some(Tls::Ends(ends)), ..Behaviour::default() };
        Self::new(behaviour, client, server).await
    }

    /// Makes a call and looks at what was seen of it.
    async fn call(self) -> Seen {
        let (mut client, mut server) = (self.client.unwrap(), self.server.unwrap());
        send(&mut client, &[greeting(), request(1, "7")].concat(), &mut server).await;
        let answer = [settings(&[]), settings_ack(), response(1)].concat();
        send(&mut server, &answer, &mut client).await;
        self.tap.take(Key::Call(7), LIMIT).await
    }

    /// The first note, once it is there.
    async fn note(&self) -> (Role, String) {
        loop {
            let seen = self.tap.take(Key::Pristine, Duration::from_millis(1)).await;
            if let Some(note) = seen.notes.first() {
                return (note.from, note.text.clone());
            }
        }
    }
}

async fn send(
    from: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
    to: &mut (impl AsyncRead + Unpin),
) {
    from.write_all(bytes).await.unwrap();
    from.flush().await.unwrap();
    let mut came = vec![0; bytes.len()];
    to.read_exact(&mut came).await.unwrap();
    assert_eq!(came, bytes);
}

#[test]
fn what_is_between_two_ends_of_tls_is_read() {
    run(async {
        let files = Certificates::make(&std::env::temp_dir()).unwrap();
        let client = client(&files.ca(), None, &["h2"]);
        let server = server(&files.server(), None, &["h2"]);
        let seen = Meeting::ended(ends(&files), client, server).await.call().await;
        assert_eq!((seen.notes, seen.opaque), (vec![], vec![]));
        let transcript = &seen.transcripts[0];
        assert!(transcript.is_whole && transcript.is_finished);
        let expected = Alpn { offered: vec![b"h2".to_vec()], selected: Some(b"h2".to_vec()) };
        assert_eq!(transcript.connection.alpn, Some(expected));
    });
}

/// A script speaks no TLS, and the other side is none the wiser.
#[test]
fn one_end_may_be_plain() {
    run(async {
        let files = Certificates::make(&std::env::temp_dir()).unwrap();
        for plain in [Role::Client, Role::Server] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let ends = Ends { plain: Some(plain), ..ends(&files) };
            let behaviour = Behaviour { tls: Some(Tls::Ends(ends)), ..Behaviour::default() };
            let tap = Tap::start(&listener.local_addr().unwrap().into(), behaviour).unwrap();
            let connect = async {
                let stream = TcpStream::connect(tap.address().to_string()).await.unwrap();
                let name = ServerName::try_from("localhost").unwrap();
                match plain {
                    Role::Client => Either::Left(stream),
                    Role::Server => Either::Right(
                        client(&files.ca(), None, &["h2"]).connect(name, stream).await.unwrap(),
                    ),
                }
            };
            let accept = async {
                let (stream, _) = listener.accept().await.unwrap();
                match plain {
                    Role::Server => Either::Left(stream),
                    Role::Client => {
                        let acceptor = server(&files.server(), None, &["h2"]);
                        Either::Right(acceptor.accept(stream).await.unwrap())
                    }
                }
            };
            let (mut client, mut server) = tokio::join!(connect, accept);
            send(&mut client, &[greeting(), request(1, "7")].concat(), &mut server).await;
            let answer = [settings(&[]), settings_ack(), response(1)].concat();
            send(&mut server, &answer, &mut client).await;
            let seen = tap.take(Key::Call(7), LIMIT).await;
            assert!(seen.transcripts[0].is_whole && seen.transcripts[0].is_finished, "{plain}");
            assert_eq!(seen.notes, []);
        }
    });
}

#[test]
fn both_ends_may_show_certificates() {
    run(async {
        let files = Certificates::make(&std::env::temp_dir()).unwrap();
        let mine = files.client();
        let ends = Ends {
            client_ca: Some(files.ca()),
            client_certificate: Some((mine.certificate.clone(), mine.key.clone())),
            ..ends(&files)
        };
        let client = client(&files.ca(), Some(&mine), &["h2"]);
        let server = server(&files.server(), Some(&files.ca()), &["h2"]);
        let seen = Meeting::ended(ends, client, server).await.call().await;
        assert_eq!(seen.transcripts.len(), 1);
    });
}

/// Who knows no ALPN is seen to make calls all the same, so that the rule can say so.
#[test]
fn a_missing_protocol_is_no_obstacle() {
    run(async {
        let files = Certificates::make(&std::env::temp_dir()).unwrap();
        for (offered, known, expected) in [
            (&[][..], &["h2"][..], Alpn { offered: vec![], selected: Some(b"h2".to_vec()) }),
            (&["http/1.1"], &[], Alpn { offered: vec![b"http/1.1".to_vec()], selected: None }),
        ] {
            let client = client(&files.ca(), None, offered);
            let server = server(&files.server(), None, known);
            let seen = Meeting::ended(ends(&files), client, server).await.call().await;
            assert_eq!(seen.transcripts[0].connection.alpn, Some(expected));
        }
    });
}

#[test]
fn a_client_that_breaks_off_is_noted() {
    run(async {
        let files = Certificates::make(&std::env::temp_dir()).unwrap();
        let client = client(&files.other_ca(), None, &["h2"]);
        let server = server(&files.server(), None, &["h2"]);
        let meeting = Meeting::ended(ends(&files), client, server).await;
        assert!(meeting.client.is_err());
        let expected = "the TLS handshake with the client fails: received fatal alert: UnknownCA";
        assert_eq!(meeting.note().await, (Role::Client, expected.to_owned()));
        // The server had done its part, and its client goes.
        assert!(meeting.server.unwrap().read_u8().await.is_err());
    });
}

#[test]
fn a_client_without_a_certificate_is_noted() {
    run(async {
        let files = Certificates::make(&std::env::temp_dir()).unwrap();
        let ends = Ends { client_ca: Some(files.ca()), ..ends(&files) };
        let server = server(&files.server(), None, &["h2"]);
        for identity in [None, Some(files.other_client())] {
            let client = client(&files.ca(), identity.as_ref(), &["h2"]);
            let meeting = Meeting::ended(ends.clone(), client, server.clone()).await;
            let (side, text) = meeting.note().await;
            assert_eq!(side, Role::Client);
            assert!(text.starts_with("the TLS handshake with the client fails: "), "{text}");
        }
    });
}

#[test]
fn a_server_that_cannot_be_trusted_fails_for_the_client() {
    run(async {
        let files = Certificates::make(&std::env::temp_dir()).unwrap();
        let other = Ends { server_name: "example.org".to_owned(), ..ends(&files) };
        for (ends, identity, why) in [
            (ends(&files), files.expired(), "certificate expired"),
            (other, files.server(), "not valid for name"),
        ] {
            let client = client(&files.ca(), None, &["h2"]);
            let meeting = Meeting::ended(ends, client, server(&identity, None, &["h2"])).await;
            assert!(meeting.client.is_err() && meeting.server.is_err());
            let (side, text) = meeting.note().await;
            assert_eq!(side, Role::Server);
            let start = "the TLS handshake with the server fails: invalid peer certificate: ";
            assert!(text.starts_with(start) && text.contains(why), "{text}");
        }
    });
}

/// With TLS 1.3 a server refuses a client when its handshake is done for the client.
#[test]
fn a_server_that_refuses_the_tap_is_noted() {
    run(async {
        let files = Certificates::make(&std::env::temp_dir()).unwrap();
        let client = client(&files.ca(), None, &["h2"]);
        let server = server(&files.server(), Some(&files.ca()), &["h2"]);
        let meeting = Meeting::ended(ends(&files), client, server).await;
        assert!(meeting.server.is_err());
        let expected = "TLS ends: received fatal alert: CertificateRequired";
        assert_eq!(meeting.note().await, (Role::Server, expected.to_owned()));
        assert!(meeting.client.unwrap().read_u8().await.is_err());
    });
}

/// A FIN is the end, whether or not TLS was told before.
#[test]
fn a_peer_that_just_closes_has_finished() {
    run(async {
        let files = Certificates::make(&std::env::temp_dir()).unwrap();
        let client = client(&files.ca(), None, &["h2"]);
        let server = server(&files.server(), None, &["h2"]);
        let meeting = Meeting::ended(ends(&files), client, server).await;
        let (mut client, _) = meeting.client.unwrap().into_inner();
        client.shutdown().await.unwrap();
        let read = meeting.server.unwrap().read(&mut [0]).await;
        assert_eq!(read.unwrap(), 0);
    });
}

#[test]
fn what_is_no_tls_is_noted() {
    run(async {
        let files = Certificates::make(&std::env::temp_dir()).unwrap();
        let behaviour = Behaviour { tls: Some(Tls::Ends(ends(&files))), ..Behaviour::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().into();
        let tap = Tap::start(&address, behaviour).unwrap();
        let mut client = TcpStream::connect(tap.address().to_string()).await.unwrap();
        client.write_all(&greeting()).await.unwrap();
        let mut alert = Vec::new();
        // The alert, and then the end in one way or another.
        let _ = client.read_to_end(&mut alert).await;
        let (mut server, _) = listener.accept().await.unwrap();
        assert!(server.read_u8().await.is_err());
        loop {
            let seen = tap.take(Key::Pristine, Duration::from_millis(1)).await;
            if let Some(note) = seen.notes.first() {
                assert!(note.text.starts_with("the TLS handshake with the client fails: "));
                break;
            }
        }
    });
}

#[test]
fn tls_that_passes_unread_is_counted() {
    run(async {
        let files = Certificates::make(&std::env::temp_dir()).unwrap();
        let behaviour = Behaviour { tls: Some(Tls::Opaque), ..Behaviour::default() };
        let client = client(&files.ca(), None, &["h2", "http/1.1"]);
        let server = server(&files.server(), None, &["h2"]);
        let seen = Meeting::new(behaviour, client, server).await.call().await;
        assert!(seen.transcripts.is_empty() && seen.notes.is_empty());
        let [opaque] = &seen.opaque[..] else { panic!("{seen:?}") };
        assert_eq!(opaque.server_name.as_deref(), Some("localhost"));
        assert_eq!(opaque.alpn, [b"h2".to_vec(), b"http/1.1".to_vec()]);
        let Pair { client, server } = opaque.bytes;
        assert!(client > 300 && server > 500, "{opaque}");
        assert!(opaque.records.client > 2 && opaque.records.server > 2, "{opaque}");
    });
}

fn fault(text: &str) -> Option<Fault> {
    Some(toml::from_str(text).unwrap())
}

#[test]
fn faults_strike_between_two_ends_of_tls() {
    run(async {
        let files = Certificates::make(&std::env::temp_dir()).unwrap();
        for (text, expected) in [
            ("rst_stream = 'REFUSED_STREAM'\nafter_headers = true", Some(reset(1, 7))),
            ("cut = 'close'\nafter_headers = true", None),
            ("cut = 'reset'\nafter_headers = true", None),
        ] {
            let tls = Some(Tls::Ends(ends(&files)));
            let client = client(&files.ca(), None, &["h2"]);
            let server = server(&files.server(), None, &["h2"]);
            let behaviour = Behaviour { fault: fault(text), tls, ..Behaviour::default() };
            let meeting = Meeting::new(behaviour, client, server).await;
            let (mut client, mut server) = (meeting.client.unwrap(), meeting.server.unwrap());
            send(&mut client, &[greeting(), request(1, "7")].concat(), &mut server).await;
            let start = [settings(&[]), headers(1, 0, RESPONSE)].concat();
            send(&mut server, &start, &mut client).await;
            match expected {
                Some(added) => {
                    let mut came = vec![0; added.len()];
                    client.read_exact(&mut came).await.unwrap();
                    assert_eq!(came, added);
                }
                None => {
                    let end = client.read_to_end(&mut Vec::new()).await;
                    assert_eq!(end.is_err(), text.contains("reset"), "{end:?}");
                }
            }
            let seen = meeting.tap.take(Key::Call(7), LIMIT).await;
            let transcript = &seen.transcripts[0];
            assert!(transcript.connection.altered.server);
            let is_end = |what: &What| matches!(what, What::Reset { .. } | What::Closed(_));
            assert!(transcript.events().any(|event| event.by_tap && is_end(&event.what)));
        }
    });
}

/// Bytes are bytes, whatever they mean.
#[test]
fn faults_strike_in_tls_that_passes_unread() {
    run(async {
        let files = Certificates::make(&std::env::temp_dir()).unwrap();
        let behaviour = Behaviour {
            fault: fault("cut = 'close'\nafter_bytes = 100"),
            tls: Some(Tls::Opaque),
            ..Behaviour::default()
        };
        let client = client(&files.ca(), None, &["h2"]);
        let server = server(&files.server(), None, &["h2"]);
        let meeting = Meeting::new(behaviour, client, server).await;
        assert!(meeting.client.is_err() && meeting.server.is_err());
        let seen = meeting.tap.take(Key::Pristine, LIMIT).await;
        assert_eq!(seen.opaque[0].bytes.server, 100);
    });
}

#[test]
fn what_cannot_be_done_is_said_at_once() {
    run(async {
        let files = Certificates::make(&std::env::temp_dir()).unwrap();
        let missing = files.folder().join("missing.pem");
        let right = ends(&files);
        let text = "a fault that reads frames, on TLS that passes unread; have the tap end it";
        let frames = Behaviour {
            fault: fault("ping = true"),
            tls: Some(Tls::Opaque),
            ..Behaviour::default()
        };
        let with = |ends: Ends| Behaviour { tls: Some(Tls::Ends(ends)), ..Behaviour::default() };
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 1)).into();
        for (behaviour, expected) in [
            (frames, text),
            (with(Ends { certificate: missing, ..right.clone() }), "missing.pem: "),
            (with(Ends { key: files.ca(), ..right.clone() }), "ca.pem: "),
            (with(Ends { server_ca: files.server().key, ..right.clone() }), "server.key: no cert"),
            (with(Ends { key: files.client().key, ..right.clone() }), "server.pem: "),
            (with(Ends { server_name: String::new(), ..right }), "server name ``: "),
        ] {
            let error = Tap::start(&address, behaviour).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains(expected), "{error}");
        }
    });
}
