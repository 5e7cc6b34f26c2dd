use std::collections::HashMap;
use std::time::Duration;

use thiserror::Error;

use super::any_channel::AnyChannel;
use super::protocol::{Call, Tls};
use crate::address::{Address, NotAnAddress, Place};
use crate::client::{Connecting, open_channel, open_plain_channel};
use crate::library::Library;
use crate::tls::{ClientTls, IdentityFiles, TlsError};

/// The channels that exist. Calls share one that connects in the same way.
pub(super) struct Channels {
    library: Library,
    open: HashMap<Connecting, AnyChannel>,
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
    #[error("channel.{0}: this client does not understand it")]
    Field(String),
}

impl Channels {
    /// None yet.
    pub(super) fn new(library: Library) -> Self {
        Self { library, open: HashMap::new() }
    }

    /// The channel for the call, which is new if there is none yet.
    pub(super) fn of(&mut self, call: &Call) -> Result<AnyChannel, NoChannel> {
        let connecting = parse(call)?;
        if self.library == Library::Plain && !connecting.addresses.is_empty() {
            return Err(NoChannel::Field("addresses".to_owned()));
        }
        if let Some(channel) = self.open.get(&connecting) {
            return Ok(channel.clone());
        }
        let channel = match self.library {
            Library::Layered => AnyChannel::Mended(open_channel(&connecting)?),
            Library::Plain => AnyChannel::Plain(open_plain_channel(&connecting)?),
        };
        self.open.insert(connecting, channel.clone());
        Ok(channel)
    }

    /// Forgets the target. A connection to it ends with its last call.
    pub(super) fn close(&mut self, target: &str) {
        let Ok(server) = target.parse::<Place>() else { return };
        self.open.retain(|connecting, _| connecting.server != server);
    }
}

fn parse(call: &Call) -> Result<Connecting, NoChannel> {
    let not_an_address = |text: &str, source| NoChannel::Target { target: text.to_owned(), source };
    let address =
        |text: &String| text.parse::<Address>().map_err(|source| not_an_address(text, source));
    let channel = call.channel.clone().unwrap_or_default();
    if let Some(field) = channel.others.into_keys().next() {
        return Err(NoChannel::Field(field));
    }
    let millis = |time: Option<u32>| time.map(|time| Duration::from_millis(time.into()));
    Ok(Connecting {
        server: call.target.parse().map_err(|source| not_an_address(&call.target, source))?,
        addresses: channel.addresses.iter().map(address).collect::<Result<_, _>>()?,
        tls: call.tls.as_ref().map(parse_tls).transpose()?,
        keepalive_time: millis(channel.keepalive_time_ms),
        keepalive_timeout: millis(channel.keepalive_timeout_ms),
    })
}

fn parse_tls(tls: &Tls) -> Result<ClientTls, NoChannel> {
    let identity = match (tls.certificate.clone(), tls.key.clone()) {
        (Some(certificate), Some(key)) => Some(IdentityFiles { certificate, key }),
        (None, None) => None,
        _ => return Err(NoChannel::HalfAnIdentity),
    };
    Ok(ClientTls { ca: tls.ca.clone(), server_name: tls.server_name.clone(), identity })
}
