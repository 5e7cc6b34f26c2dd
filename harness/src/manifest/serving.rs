//! How a server serves, as a case asks for it: each way needs a process of its own.

use std::{collections::BTreeMap, fmt, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a server serves.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Serving {
    /// Where it listens.
    pub over: Over,
    /// With TLS, if it is.
    pub tls: Option<ServerTls>,
    /// What its library is told of connections; without a word, its defaults.
    pub settings: BTreeMap<ServerSetting, Duration>,
}

/// Over what two sides are connected.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Over {
    /// TCP over IPv4, by 127.0.0.1.
    #[default]
    Ipv4,
    /// TCP over IPv6, by `[::1]`.
    Ipv6,
    /// A Unix socket.
    Unix,
}

impl Over {
    /// Whether it is what nobody asks for by name.
    #[must_use]
    pub const fn is_ordinary(&self) -> bool {
        matches!(self, Self::Ipv4)
    }
}

impl fmt::Display for Over {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
            Self::Unix => "a Unix socket",
        })
    }
}

/// A server's TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerTls {
    /// The certificate that it shows.
    pub certificate: ServerCertificate,
    /// Whether it asks clients for theirs.
    pub mutual: bool,
}

/// A server's certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ServerCertificate {
    /// Signed by the CA that clients should trust.
    #[default]
    Signed,
    /// The same, out of date.
    Expired,
}

/// What a library can be told of its server's connections, as gRFC A8 and A9 name it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ServerSetting {
    /// How old a connection may become (`MAX_CONNECTION_AGE`).
    MaxAge,
    /// How long its calls may go on after that (`MAX_CONNECTION_AGE_GRACE`).
    MaxAgeGrace,
    /// How long a connection may be without a call (`MAX_CONNECTION_IDLE`).
    MaxIdle,
    /// How long it may be silent before the server sends a PING (`KEEPALIVE_TIME`).
    KeepaliveTime,
    /// How long the answer may take (`KEEPALIVE_TIMEOUT`).
    KeepaliveTimeout,
    /// How often a client may send PINGs, also without a call (`PERMIT_KEEPALIVE_TIME`, with
    /// `PERMIT_KEEPALIVE_WITHOUT_CALLS`).
    PermitKeepaliveTime,
}

impl ServerSetting {
    /// Its name in manifests and cases.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MaxAge => "max-age",
            Self::MaxAgeGrace => "max-age-grace",
            Self::MaxIdle => "max-idle",
            Self::KeepaliveTime => "keepalive-time",
            Self::KeepaliveTimeout => "keepalive-timeout",
            Self::PermitKeepaliveTime => "permit-keepalive-time",
        }
    }
}

impl Serving {
    /// What tells its logs from others': nothing for a server without anything of this.
    #[must_use]
    pub fn suffix(&self) -> String {
        let mut suffix = match self.over {
            Over::Ipv4 => String::new(),
            Over::Ipv6 => ".ipv6".to_owned(),
            Over::Unix => ".unix".to_owned(),
        };
        if let Some(ServerTls { certificate, mutual }) = self.tls {
            suffix += if mutual { ".mutual-tls" } else { ".tls" };
            suffix += if certificate == ServerCertificate::Expired { "-expired" } else { "" };
        }
        for (setting, time) in &self.settings {
            suffix += &format!(".{}-{}ms", setting.name(), time.as_millis());
        }
        suffix
    }
}
