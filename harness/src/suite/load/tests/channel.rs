//! How a client comes to the server, and how the server serves.

use super::{NAMED, toml_suite};
use crate::{
    feature::{ClientFeature, ServerFeature},
    suite::Case,
};

const CALL: &str = "method = \"t.S/Unary\"\nrequest = {}\nexpect = { any_messages = true }\n";

fn read(fields: &str) -> Result<Case, String> {
    let suites = toml_suite(&format!("{NAMED}{CALL}{fields}"))?;
    Ok(Case::clone(&suites[0].cases[0]))
}

#[test]
fn what_a_channel_asks_for_needs_its_features() {
    use ClientFeature::{Addresses, Ipv6, Keepalive, ServiceConfig, Unix};
    for (channel, features, retries) in [
        ("", vec![], false),
        ("over = \"ipv4\"", vec![], false),
        ("over = \"ipv6\"", vec![Ipv6], false),
        ("over = \"unix\", keepalive_time = \"1s\"", vec![Unix, Keepalive], false),
        ("addresses = [\"nobody\", \"server\"]", vec![Addresses], false),
        ("service_config = { loadBalancingConfig = [{ x = {} }] }", vec![ServiceConfig], false),
        ("service_config = { methodConfig = [{ retryPolicy = {} }] }", vec![ServiceConfig], true),
    ] {
        let case = read(&format!("channel = {{ {channel} }}")).unwrap();
        assert_eq!(case.client_features().collect::<Vec<_>>(), features, "{channel}");
        assert_eq!(case.has_own_connection(), !features.is_empty(), "{channel}");
        assert_eq!(case.calls[0].is_retried, retries, "{channel}");
    }
    let case = read("server_over = \"unix\"\nserver_settings = { max-age = \"1s\" }").unwrap();
    assert_eq!(case.server_features().collect::<Vec<_>>(), [ServerFeature::Unix]);
    assert_eq!(case.serving().suffix(), ".unix.max-age-1000ms");
}

#[test]
fn what_makes_no_sense_is_an_error() {
    for (fields, expected) in [
        ("channel = { over = \"ipx\" }", "unknown variant `ipx`, expected one of"),
        ("channel = { addresses = [\"nobody\"] }", "`addresses` without a \"server\""),
        (
            "channel = { over = \"unix\", addresses = [\"server\", \"server\"] }",
            "`addresses` over \"unix\"",
        ),
        ("channel = { keepalive_timeout = \"1s\" }", "`keepalive_timeout` without"),
        ("channel = { keepalive_time = \"soon\" }", "`soon` is no duration"),
        ("channel = { service_config = 1 }", "invalid type"),
        (
            "channel = { service_config = { methodConfig = [{ hedgingPolicy = {} }] } }",
            "`hedgingPolicy`",
        ),
        ("fault = { cut = \"close\", address = 1 }", "`address` is none of the target's"),
        ("channel = { ttl = 1 }", "unknown field `ttl`"),
        ("server_settings = { max-age = \"old\" }", "`old` is no duration"),
        ("server_settings = { age = \"1s\" }", "unknown variant `age`"),
        ("fault = { ping = true, away = \"1s\" }", "`away` belongs to `cut`"),
        (
            "sequential = true\ncalls = [{ expect = { any_messages = true, wire = [\"another-address\"] } }]",
            "`expect.wire` of the call before",
        ),
    ] {
        let error = read(fields).unwrap_err();
        assert!(error.contains(expected), "{fields}\n{error}");
    }
}
