//! TLS as a case asks for it. The certificates are made when a run starts.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use crate::manifest::ServerCertificate;

/// How a case's connection is encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// The certificate that the server shows.
    pub server: ServerCertificate,
    /// The CA that the client trusts.
    pub trust: Trust,
    /// The name that the client wants the server to prove; empty for the host of its
    /// address. The server's certificate is for `localhost` and 127.0.0.1.
    pub server_name: String,
    /// Whether the server asks clients for a certificate.
    pub mutual: bool,
    /// The certificate that the client shows, if any.
    pub client: Option<ClientCertificate>,
    /// What the tap does with it.
    pub tap: TlsTap,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            server: ServerCertificate::default(),
            trust: Trust::default(),
            server_name: "localhost".to_owned(),
            mutual: false,
            client: None,
            tap: TlsTap::default(),
        }
    }
}

impl fmt::Display for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = match self.server {
            ServerCertificate::Signed => "the server shows a signed certificate",
            ServerCertificate::Expired => "the server shows a certificate that is out of date",
        };
        let trust = match self.trust {
            Trust::Ca => "the client trusts its CA",
            Trust::OtherCa => "the client trusts another CA",
        };
        let name = match self.server_name.as_str() {
            "" => "its address",
            name => name,
        };
        let mutual = if self.mutual { " and asks for the client's" } else { "" };
        let client = match self.client {
            None => "shows none of its own",
            Some(ClientCertificate::Signed) => "shows a signed one of its own",
            Some(ClientCertificate::OtherCa) => "shows one of its own that another CA signed",
        };
        let tap = match self.tap {
            TlsTap::Passes => "the tap sees lengths alone",
            TlsTap::Ends => "the tap ends TLS, reads, and starts it anew",
        };
        write!(formatter, "{server}{mutual}; {trust}, wants {name} proved and {client}; {tap}")
    }
}

impl Serialize for Tls {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A CA to trust.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// The one that signed the server's certificate.
    #[default]
    Ca,
    /// Another.
    OtherCa,
}

/// A client's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClientCertificate {
    /// Signed by the CA that the server trusts.
    Signed,
    /// Signed by another.
    OtherCa,
}

/// What the tap does with an encrypted connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TlsTap {
    /// Passes it on unread.
    #[default]
    Passes,
    /// Ends it and starts it anew, and reads what is between.
    Ends,
}
