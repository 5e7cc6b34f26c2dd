use std::collections::HashMap;

use thiserror::Error;

use super::any_channel::AnyChannel;
use super::protocol::{Call, Tls};
use crate::address::{Address, NotAnAddress};
use crate::client::{open_channel, open_plain_channel};
use crate::library::Library;
use crate::tls::{ClientTls, IdentityFiles, TlsError};

/// The channels that exist. Calls to one target share one, if their TLS is the
/// same.
pub(super) struct Channels {
    library: Library,
    open: HashMap<(String, Option<ClientTls>), AnyChannel>,
}

/// Why there is no channel.
#[derive(Debug, Error)]
pub(super) enum NoChannel {
    #[error("{target}: {source}")]
    Target { target: String, source: NotAnAddress },
    #[error("tls: certificate and key go together; give both, or none")]
    HalfAnIdentity,
    #[error("tls: {0}")]
    Tls(#[from] TlsError),
}

impl Channels {
    /// None yet.
    pub(super) fn new(library: Library) -> Self {
        Self { library, open: HashMap::new() }
    }

    /// The channel for the call, which is new if there is none yet.
    pub(super) fn of(&mut self, call: &Call) -> Result<AnyChannel, NoChannel> {
        let tls = call.tls.as_ref().map(parse_tls).transpose()?;
        let key = (call.target.clone(), tls);
        if let Some(channel) = self.open.get(&key) {
            return Ok(channel.clone());
        }
        let address: Address = call
            .target
            .parse()
            .map_err(|source| NoChannel::Target { target: call.target.clone(), source })?;
        let tls = key.1.as_ref();
        let channel = match self.library {
            Library::Layered => AnyChannel::Mended(open_channel(&address, tls)?),
            Library::Plain => AnyChannel::Plain(open_plain_channel(&address, tls)?),
        };
        self.open.insert(key, channel.clone());
        Ok(channel)
    }

    /// Forgets the target. A connection to it ends with its last call.
    pub(super) fn close(&mut self, target: &str) {
        self.open.retain(|(open, _), _| open != target);
    }
}

fn parse_tls(tls: &Tls) -> Result<ClientTls, NoChannel> {
    let identity = match (tls.certificate.clone(), tls.key.clone()) {
        (Some(certificate), Some(key)) => Some(IdentityFiles { certificate, key }),
        (None, None) => None,
        _ => return Err(NoChannel::HalfAnIdentity),
    };
    Ok(ClientTls { ca: tls.ca.clone(), server_name: tls.server_name.clone(), identity })
}
