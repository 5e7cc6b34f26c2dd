//! How a client comes to the server, as a case asks for it: over what, at which addresses, and
//! with which options of the channel.

use std::{fmt, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::{feature::ClientFeature, input::duration, manifest::Over};

/// The client's channel. Without a word of it, it is as the library makes it for one address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Channel {
    /// Over what the client connects.
    pub over: Over,
    /// What the name of the target stands for, in this order, if not for one address.
    pub addresses: Vec<Place>,
    /// gRPC's service config (retries, wait for ready, load balancing), as its JSON.
    #[schemars(with = "Option<Map<String, Value>>")]
    pub service_config: Option<ServiceConfig>,
    /// How long the client lets a connection be silent before it sends a PING.
    #[serde(deserialize_with = "duration::if_given")]
    #[schemars(with = "Option<String>")]
    pub keepalive_time: Option<Duration>,
    /// How long it waits for the answer.
    #[serde(deserialize_with = "duration::if_given")]
    #[schemars(with = "Option<String>")]
    pub keepalive_timeout: Option<Duration>,
}

/// One address of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The server is there.
    Server,
    /// Nobody is: a connection is refused.
    Nobody,
}

/// gRPC's service config. What it says is for the client; that it allows retries is for the
/// harness, too.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct ServiceConfig(Map<String, Value>);

impl ServiceConfig {
    fn has(&self, field: &str) -> bool {
        let methods = self.0.get("methodConfig").and_then(Value::as_array);
        methods.into_iter().flatten().any(|method| method.get(field).is_some())
    }
}

impl Channel {
    /// Whether it is as the library makes it for one address of IPv4.
    #[must_use]
    pub fn is_ordinary(&self) -> bool {
        *self == Self::default()
    }

    /// Where somebody listens, and where nobody does.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        match &self.addresses[..] {
            [] => &[Place::Server],
            places => places,
        }
    }

    /// Whether a call may be made again after the server has answered it.
    #[must_use]
    pub fn retries(&self) -> bool {
        self.service_config.as_ref().is_some_and(|config| config.has("retryPolicy"))
    }

    /// Whether a connection may fail in an ordinary way.
    #[must_use]
    pub fn may_fail(&self) -> bool {
        self.addresses.contains(&Place::Nobody)
    }

    /// What a client must have announced for it.
    pub fn client_features(&self) -> impl Iterator<Item = ClientFeature> {
        let has_keepalive = self.keepalive_time.or(self.keepalive_timeout).is_some();
        let of_over = match self.over {
            Over::Ipv4 => None,
            Over::Ipv6 => Some(ClientFeature::Ipv6),
            Over::Unix => Some(ClientFeature::Unix),
        };
        let features = [
            of_over,
            (!self.addresses.is_empty()).then_some(ClientFeature::Addresses),
            self.service_config.as_ref().map(|_| ClientFeature::ServiceConfig),
            has_keepalive.then_some(ClientFeature::Keepalive),
        ];
        features.into_iter().flatten()
    }

    /// What makes no sense together.
    ///
    /// # Errors
    /// What, and what would.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if self.addresses.iter().all(|place| *place == Place::Nobody) && !self.addresses.is_empty()
        {
            return Err("`addresses` without a \"server\": the case would try nothing");
        }
        if self.over == Over::Unix && !self.addresses.is_empty() {
            return Err("`addresses` over \"unix\": a list of addresses is of IP's");
        }
        if self.service_config.as_ref().is_some_and(|config| config.has("hedgingPolicy")) {
            return Err("`hedgingPolicy`: the attempts of a hedged call are not told apart yet");
        }
        if self.keepalive_timeout.is_some() && self.keepalive_time.is_none() {
            return Err("`keepalive_timeout` without `keepalive_time`: nothing is sent");
        }
        Ok(())
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = vec![format!("over {}", self.over)];
        if !self.addresses.is_empty() {
            let place = |place: &Place| match place {
                Place::Server => "the server",
                Place::Nobody => "nobody",
            };
            let places: Vec<&str> = self.addresses.iter().map(place).collect();
            parts.push(format!("at its addresses: {}", places.join(", ")));
        }
        if let Some(config) = &self.service_config {
            parts.push(format!("service config {}", Value::from(config.0.clone())));
        }
        let times = [("keepalive", self.keepalive_time), ("its answer", self.keepalive_timeout)];
        for (name, time) in times {
            parts.extend(time.map(|time| format!("{name} within {}", crate::text::duration(time))));
        }
        formatter.write_str(&parts.join("; "))
    }
}

impl Serialize for Channel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
