//! The connections: one for each server, and each way of TLS to it.

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;

use grpc::client::{Channel, ChannelOptions};
use grpc::credentials::LocalChannelCredentials;
use grpc::credentials::rustls::client::{ClientTlsConfig, RustlsChannelCredendials};
use grpc::credentials::rustls::{Identity, RootCertificates, StaticProvider};

use crate::protocol::{Call, Tls};

#[derive(Default)]
pub struct Channels(HashMap<(String, Option<Tls>), Channel>);

impl Channels {
    /// The channel for the call, which is new if there is none yet; or why there is none.
    pub fn of(&mut self, call: &Call) -> Result<Channel, String> {
        let key = (call.target.clone(), call.tls.clone());
        if let Some(channel) = self.0.get(&key) {
            return Ok(channel.clone());
        }
        let channel = open(&call.target, call.tls.as_ref())?;
        self.0.insert(key, channel.clone());
        Ok(channel)
    }

    /// Forgets the target: a channel closes its connection when nobody has it any more.
    pub fn close(&mut self, target: &str) {
        self.0.retain(|(open, _), _| open != target);
    }
}

fn open(target: &str, tls: Option<&Tls>) -> Result<Channel, String> {
    let target = format!("dns:///{target}");
    let options = ChannelOptions::default();
    let Some(tls) = tls else {
        // What the crate has for plaintext; it refuses any address but the loopback's.
        return Ok(Channel::new(target, LocalChannelCredentials::new_arc(), options));
    };
    let options = match &tls.server_name {
        Some(name) => options.override_authority(name),
        None => options,
    };
    Ok(Channel::new(target, Arc::new(credentials(tls)?), options))
}

fn credentials(tls: &Tls) -> Result<RustlsChannelCredendials, String> {
    let read = |path: &str| fs::read(path).map_err(|error| format!("tls: {path}: {error}"));
    let roots = RootCertificates::from_pem(read(&tls.ca)?);
    let mut config =
        ClientTlsConfig::new().with_root_certificates_provider(StaticProvider::new(roots));
    if let (Some(certificate), Some(key)) = (&tls.certificate, &tls.key) {
        let identity = Identity::from_pem(read(certificate)?, read(key)?);
        config = config.with_identity_provider(StaticProvider::new(identity));
    }
    RustlsChannelCredendials::new(config).map_err(|error| format!("tls: {error}"))
}
