//! Where the server listens, what it offers there, and what stops it.

use std::net::TcpListener;

use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::peers::{Ended, HANG_LIMIT, has_ipv6, peers};

#[test]
fn a_taken_port_is_noticed() {
    for peer in peers() {
        let mut first = peer.start_server(&["--listen", "127.0.0.1:0"]);
        let address = first.next_address();
        let expected = format!(
            "server: cannot listen on {address}: address already in use; \
             stop the program that has it, or name another with --listen"
        );
        // Nothing is ready before all are bound.
        let second = peer.run_server(&["--listen", "127.0.0.1:0", "--listen", &address]);
        assert_eq!(second, Ended::with_error(2, &expected), "{}", peer.name);
    }
}

#[test]
fn a_file_for_tls_that_cannot_be_used_is_named() {
    let here = "Cargo.toml";
    let table: [(&[&str], &str); 4] = [
        (
            &["--tls-cert", "absent.pem", "--tls-key", here],
            "cannot read \"absent.pem\": no such file or directory; \
             name another file with --tls-cert or --tls-key",
        ),
        (
            &["--tls-cert", "absent.pem", "--tls-cert", here, "--tls-key=absent.key"],
            "cannot read \"absent.key\": no such file or directory; \
             name another file with --tls-cert or --tls-key",
        ),
        (
            &["--tls-cert", "src", "--tls-key", here],
            "cannot read \"src\": is a directory; \
             name another file with --tls-cert or --tls-key",
        ),
        (
            &["--tls-cert", here, "--tls-key", here],
            "no certificate in \"Cargo.toml\"; name another file with --tls-cert or --tls-key",
        ),
    ];
    for peer in peers() {
        for (arguments, expected) in table {
            let expected = format!("server: cannot serve TLS: {expected}");
            let ended = peer.run_server(arguments);
            assert_eq!(ended, Ended::with_error(2, &expected), "{}: {arguments:?}", peer.name);
        }
    }
}

/// 192.0.2.1 is kept for documentation: no machine has it. A name with an empty
/// label is no name, so that nobody need be asked for it.
#[test]
fn an_address_that_is_not_ours_is_refused() {
    let table = [("192.0.2.1:80", "cannot assign requested address"), ("a..b:80", "unknown host")];
    for peer in peers() {
        for (address, reason) in table {
            let expected =
                format!("server: cannot listen on {address}: {reason}; name another with --listen");
            let ended = peer.run_server(&["--listen", address]);
            assert_eq!(ended, Ended::with_error(2, &expected), "{}", peer.name);
        }
    }
}

#[test]
fn every_address_is_announced_in_order_and_served() {
    let has_ipv6 = has_ipv6();
    for peer in peers() {
        let name = &peer.name;
        let mut arguments = vec!["--listen", "127.0.0.1:0", "--listen=localhost:0"];
        let mut hosts = vec!["127.0.0.1:", "127.0.0.1:"];
        if has_ipv6 {
            arguments.extend(["--listen", "[::1]:0"]);
            hosts.push("[::1]:");
        }
        let mut server = peer.start_server(&arguments);
        for host in hosts {
            let address = server.next_address();
            assert!(address.starts_with(host), "{name}: got {address}, want {host}");
            let ended = peer.run_client(&["sequence", "2", "--addr", &address]);
            assert_eq!(ended, Ended::with_output("sequence: [0 1]\n"), "{name}: {address}");
        }
    }
}

#[test]
fn without_arguments_everything_meets_at_the_default_addresses() {
    let defaults = ["127.0.0.1:9999", "[::1]:9999", "127.0.0.1:50051", "[::1]:50051"];
    let has_ipv6 = has_ipv6();
    let (expected, left_out): (Vec<&str>, Vec<&str>) =
        defaults.into_iter().partition(|address| has_ipv6 || !address.starts_with('['));
    for address in &expected {
        if let Err(error) = TcpListener::bind(address) {
            panic!("{address}: {error}; stop the program that has it: this test needs it");
        }
    }
    let notes: String = left_out
        .into_iter()
        .map(|address| format!("server: not listening on {address}: this machine has no IPv6\n"))
        .collect();
    for peer in peers() {
        let name = &peer.name;
        let mut server = peer.start_server(&[]);
        for address in &expected {
            assert_eq!(server.next_address(), *address, "{name}");
        }
        let table: [(&[&str], &str); 3] = [
            (&["detect", "--dummy"], "outliers at: [7 113 835]\n"),
            (&["sequence", "3"], "sequence: [0 1 1]\n"),
            (&["stream", "2"], "F(0) = 0\nF(1) = 1\n"),
        ];
        for (arguments, expected) in table {
            let ended = peer.run_client(arguments);
            assert_eq!(ended, Ended::with_output(expected), "{name}: {arguments:?}");
        }
        server.signal("TERM");
        let ended = Ended { stderr: notes.clone(), ..Ended::silently(0) };
        assert_eq!(server.wait(), ended, "{name}");
    }
}

#[test]
fn signals_and_the_end_of_a_pipe_stop_the_server() {
    for peer in peers() {
        let name = &peer.name;
        for signal in ["TERM", "INT"] {
            let mut server = peer.start_server(&["--listen", "127.0.0.1:0"]);
            server.next_address();
            server.signal(signal);
            assert_eq!(server.wait(), Ended::silently(0), "{name}: SIG{signal}");
        }
        let mut server = peer.start_server(&["--listen", "127.0.0.1:0"]);
        server.next_address();
        server.stdin = None;
        assert_eq!(server.wait(), Ended::silently(0), "{name}: the end of stdin");
    }
}

#[test]
fn a_stdin_that_is_no_pipe_is_not_watched() {
    for peer in peers() {
        let name = &peer.name;
        let mut server = peer.start_server_without_stdin(&["--listen", "127.0.0.1:0"]);
        let address = server.next_address();
        for _ in 0..2 {
            let ended = peer.run_client(&["sequence", "2", "--addr", &address]);
            assert_eq!(ended, Ended::with_output("sequence: [0 1]\n"), "{name}");
        }
        server.signal("TERM");
        assert_eq!(server.wait(), Ended::silently(0), "{name}");
    }
}

#[tokio::test]
async fn a_call_without_end_does_not_keep_the_server() {
    for peer in peers() {
        let name = &peer.name;
        let mut server = peer.start_server(&["--listen", "127.0.0.1:0"]);
        let mut health = HealthClient::new(channel(&server.next_address()));
        let watch = health.watch(HealthCheckRequest::default()).await;
        let mut watch = watch.expect("a stream").into_inner();
        watch.message().await.expect("a message").expect("a status");

        server.signal("TERM");
        assert_eq!(server.wait(), Ended::silently(0), "{name}");
    }
}

#[tokio::test]
async fn health_and_reflection_are_served() {
    const SERVING: i32 = 1;
    for peer in peers() {
        let name = &peer.name;
        let mut server = peer.start_server(&["--listen", "127.0.0.1:0"]);
        let channel = channel(&server.next_address());

        let mut health = HealthClient::new(channel.clone());
        for service in ["", "pb.Outliers", "FibonacciService"] {
            let request = HealthCheckRequest { service: service.to_owned() };
            let response = health.check(request).await.expect("an answer").into_inner();
            assert_eq!(response.status, SERVING, "{name}: {service:?}");
        }

        let list = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut reflection = ServerReflectionClient::new(channel);
        let responses = reflection.server_reflection_info(tokio_stream::once(list)).await;
        let response = responses.expect("a stream").into_inner().message().await;
        let Some(MessageResponse::ListServicesResponse(services)) =
            response.expect("a message").expect("a response").message_response
        else {
            panic!("{name}: no list of services");
        };
        let services: Vec<String> =
            services.service.into_iter().map(|service| service.name).collect();
        for service in ["pb.Outliers", "FibonacciService", "grpc.health.v1.Health"] {
            assert!(
                services.iter().any(|it| it == service),
                "{name}: no {service} in {services:?}"
            );
        }
    }
}

fn channel(address: &str) -> tonic::transport::Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("a URI");
    endpoint.timeout(HANG_LIMIT).connect_lazy()
}
