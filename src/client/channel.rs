use tonic::transport::{Channel, Endpoint};

use crate::address::Address;

/// A channel to the server, over plaintext HTTP/2, that connects on its first
/// call and again whenever the connection was lost.
///
/// A name is looked up, and whichever of its addresses answers is taken. No
/// proxy is asked, whatever the environment says.
pub fn lazy_channel(server: &Address) -> Channel {
    Endpoint::from_shared(format!("http://{server}"))
        .expect("an address makes a URI")
        .tcp_nodelay(true)
        .connect_lazy()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_address_makes_a_uri() {
        for text in ["localhost:9999", "[::1]:0", "a_b-c.d:65535", "-:1", "_:1", ".:1"] {
            drop(lazy_channel(&text.parse().expect(text)));
        }
    }
}
