use std::net::{Ipv4Addr, Ipv6Addr};

use tonic::transport::{Channel, Endpoint, Uri};

use crate::address::Address;

/// A channel to the server, over plaintext HTTP/2, that connects on its first
/// call and again whenever the connection was lost.
///
/// A name is looked up, and whichever of its addresses answers is taken. Not so
/// `localhost`: many a hosts file lists only one of its two addresses, and the
/// server may listen on the other. This tries 127.0.0.1 at once, and leaves
/// ::1 to the first call if nobody is there. No proxy is asked, whatever the
/// environment says.
pub async fn open_channel(server: &Address) -> Channel {
    if !server.is_localhost() {
        return endpoint(server).connect_lazy();
    }
    let at = |loopback: Address| endpoint(&loopback).origin(uri(server));
    match at(server.on_host(Ipv4Addr::LOCALHOST)).connect().await {
        Ok(channel) => channel,
        Err(_) => at(server.on_host(Ipv6Addr::LOCALHOST)).connect_lazy(),
    }
}

fn endpoint(server: &Address) -> Endpoint {
    Endpoint::from(uri(server)).tcp_nodelay(true)
}

fn uri(server: &Address) -> Uri {
    format!("http://{server}").parse().expect("an address makes a URI")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_makes_a_uri() {
        for text in ["localhost:9999", "[::1]:0", "a_b-c.d:65535", "-:1", "_:1", ".:1"] {
            uri(&text.parse().expect(text));
        }
    }
}
