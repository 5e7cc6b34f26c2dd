//! The optional features of peers: what a client announces, and what the manifest lists for
//! a server. Each name has its one home here.

use std::{borrow::Cow, collections::BTreeSet, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::input::nearest;

/// An optional part of the peer protocol, which a client announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientFeature {
    /// It takes several addresses for one target (`channel.addresses`).
    Addresses,
    /// It calls methods that stream in both directions.
    Bidi,
    /// It cancels a call (`cancel_after_messages`, or the step `cancel`).
    Cancel,
    /// It calls methods that take a stream of requests and answer once.
    ClientStreaming,
    /// It closes its connections to a target when it is told to.
    Close,
    /// It compresses a request (`compression`).
    Gzip,
    /// It connects to `[::1]`.
    Ipv6,
    /// It sends PINGs on a silent connection (`channel.keepalive_time_ms`).
    Keepalive,
    /// It sends one message of a call that compresses as it is.
    MixedCompression,
    /// It sends bytes as they are, to any method.
    Raw,
    /// It takes gRPC's service config (`channel.service_config`).
    ServiceConfig,
    /// It takes no message that is longer than 4 MiB.
    SizeLimit,
    /// It reads messages slowly (`read_delay_ms`).
    Slow,
    /// It has the stubs of gRPC's test service.
    TestService,
    /// It encrypts the connection.
    Tls,
    /// It connects to Unix sockets.
    Unix,
}

impl ClientFeature {
    pub(crate) const ALL: [Self; 16] = [
        Self::Addresses,
        Self::Bidi,
        Self::Cancel,
        Self::ClientStreaming,
        Self::Close,
        Self::Gzip,
        Self::Ipv6,
        Self::Keepalive,
        Self::MixedCompression,
        Self::Raw,
        Self::ServiceConfig,
        Self::SizeLimit,
        Self::Slow,
        Self::TestService,
        Self::Tls,
        Self::Unix,
    ];

    /// The feature of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feature| feature.name() == name)
    }

    /// Whether it means something from the second version of the peer protocol on.
    #[must_use]
    pub const fn needs_steps(self) -> bool {
        matches!(self, Self::Bidi | Self::ClientStreaming | Self::MixedCompression)
    }

    /// Its name in the client's hello.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Addresses => "addresses",
            Self::Bidi => "bidi",
            Self::Cancel => "cancel",
            Self::ClientStreaming => "client-streaming",
            Self::Close => "close",
            Self::Gzip => "gzip",
            Self::Ipv6 => "ipv6",
            Self::Keepalive => "keepalive",
            Self::MixedCompression => "mixed-compression",
            Self::Raw => "raw",
            Self::ServiceConfig => "service-config",
            Self::SizeLimit => "size-limit",
            Self::Slow => "slow",
            Self::TestService => "test-service",
            Self::Tls => "tls",
            Self::Unix => "unix",
        }
    }
}

impl fmt::Display for ClientFeature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Those of a client's features that the harness knows: a client may be newer than it.
pub fn known_client_features<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<ClientFeature>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    Ok(names.iter().filter_map(|name| ClientFeature::from_name(name)).collect())
}

/// What a server may have, as the manifest lists it and cases need it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServerFeature {
    /// A request's metadata may say how it answers, in every way that the peer protocol has.
    Directions,
    /// Or in this way alone.
    Direction(Direction),
    /// It takes compressed requests.
    Gzip,
    /// It listens on `[::1]` where `{listen}` in its command says so.
    Ipv6,
    /// It has the services of reflection.
    Reflection,
    /// It takes no message that is longer than 4 MiB.
    SizeLimit,
    /// It has gRPC's test service, but for the parts below.
    TestService,
    /// A part of the test service.
    TestServicePart(TestServicePart),
    /// It listens on a Unix socket where `{listen}` in its command says so.
    Unix,
    /// One that a user's own cases need, by its name.
    Own(String),
}

/// A part of the directions: not every library can do them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// It sends entries back in the initial metadata.
    Header,
    /// It sends entries back in the trailing metadata.
    Trailer,
    /// It ends a call with the code and the status message that it is given.
    Status,
    /// It sends the bytes of `grpc-status-details-bin` that it is given.
    Details,
    /// It waits before each message.
    Delay,
    /// It makes messages as long as it is told.
    Size,
    /// It compresses its messages.
    Compress,
    /// It fails as a bug would.
    Panic,
}

/// A part of the test service that not every library can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TestServicePart {
    /// It compresses the answer of a unary call, or not, as it is told.
    CompressedUnary,
    /// It compresses each response of a stream, or not, as it is told.
    CompressedStream,
    /// It refuses a message that came uncompressed and should not have.
    ExpectCompressed,
}

impl ServerFeature {
    const KNOWN: [Self; 18] = [
        Self::Directions,
        Self::Direction(Direction::Header),
        Self::Direction(Direction::Trailer),
        Self::Direction(Direction::Status),
        Self::Direction(Direction::Details),
        Self::Direction(Direction::Delay),
        Self::Direction(Direction::Size),
        Self::Direction(Direction::Compress),
        Self::Direction(Direction::Panic),
        Self::Gzip,
        Self::Ipv6,
        Self::Reflection,
        Self::SizeLimit,
        Self::TestService,
        Self::TestServicePart(TestServicePart::CompressedUnary),
        Self::TestServicePart(TestServicePart::CompressedStream),
        Self::TestServicePart(TestServicePart::ExpectCompressed),
        Self::Unix,
    ];

    /// Whether a server that lists these has it.
    #[must_use]
    pub fn is_among(&self, listed: &BTreeSet<Self>) -> bool {
        let is_direction = matches!(self, Self::Direction(_));
        listed.contains(self) || (is_direction && listed.contains(&Self::Directions))
    }

    fn from_name(name: &str) -> Self {
        let known = Self::KNOWN.into_iter().find(|feature| feature.name() == name);
        known.unwrap_or_else(|| Self::Own(name.to_owned()))
    }

    /// Its name in the manifest and in `needs`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Directions => "directions",
            Self::Direction(Direction::Header) => "directions.header",
            Self::Direction(Direction::Trailer) => "directions.trailer",
            Self::Direction(Direction::Status) => "directions.status",
            Self::Direction(Direction::Details) => "directions.details",
            Self::Direction(Direction::Delay) => "directions.delay",
            Self::Direction(Direction::Size) => "directions.size",
            Self::Direction(Direction::Compress) => "directions.compress",
            Self::Direction(Direction::Panic) => "directions.panic",
            Self::Gzip => "gzip",
            Self::Ipv6 => "ipv6",
            Self::Reflection => "reflection",
            Self::SizeLimit => "size-limit",
            Self::TestService => "test-service",
            Self::TestServicePart(TestServicePart::CompressedUnary) => {
                "test-service.compressed-unary"
            }
            Self::TestServicePart(TestServicePart::CompressedStream) => {
                "test-service.compressed-stream"
            }
            Self::TestServicePart(TestServicePart::ExpectCompressed) => {
                "test-service.expect-compressed"
            }
            Self::Unix => "unix",
            Self::Own(name) => name,
        }
    }

    /// Checks a name that the manifest gives to a server. Any is welcome that is not near
    /// to a known one, and so a slip.
    ///
    /// # Errors
    /// What is wrong with it, and what there is.
    pub fn check_listed(&self) -> Result<(), String> {
        let Self::Own(name) = self else { return Ok(()) };
        let known: Vec<&str> = Self::KNOWN.iter().map(Self::name).collect();
        if ClientFeature::from_name(name).is_some() {
            return Err(format!(
                "the feature `{name}` is a client's, which announces it itself; of a server there are {}, or a name of your own",
                known.join(", ")
            ));
        }
        match nearest(name, &known) {
            None => Ok(()),
            Some(near) => Err(format!(
                "no feature `{name}` (did you mean `{near}`?); there are {}, or a name of your own that is less like them",
                known.join(", ")
            )),
        }
    }

    /// Checks a name that a case needs: one that is known, or that a peer of the manifest
    /// lists.
    ///
    /// # Errors
    /// What is wrong with it, and what there is.
    pub fn check_needed(&self, listed: &[Self]) -> Result<(), String> {
        if !matches!(self, Self::Own(_)) || listed.contains(self) {
            return Ok(());
        }
        let mut there: Vec<&str> = Self::KNOWN.iter().chain(listed).map(Self::name).collect();
        there.sort_unstable();
        there.dedup();
        let name = self.name();
        let meant = nearest(name, &there)
            .map(|near| format!(" (did you mean `{near}`?)"))
            .unwrap_or_default();
        Err(format!(
            "no feature `{name}`{meant}; there are {}, and what a peer of the manifest lists in its `features`",
            there.join(", ")
        ))
    }
}

impl fmt::Display for ServerFeature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Serialize for ServerFeature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for ServerFeature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "" => Err(D::Error::custom("a feature without a name")),
            name => Ok(Self::from_name(name)),
        }
    }
}

impl JsonSchema for ServerFeature {
    fn schema_name() -> Cow<'static, str> {
        "ServerFeature".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let known: Vec<&str> = Self::KNOWN.iter().map(Self::name).collect();
        json_schema!({
            "description": "A feature of a server: one that is known, or a name of your own.",
            "anyOf": [{ "enum": known }, { "type": "string", "minLength": 1 }],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(name: &str) -> ServerFeature {
        ServerFeature::from_name(name)
    }

    #[test]
    fn a_slip_in_the_manifest_is_told_from_a_name_of_ones_own() {
        for (name, expected) in [
            ("gzip", None),
            ("reflection", None),
            ("fast-lane", None),
            (
                "gizp",
                Some(
                    "no feature `gizp` (did you mean `gzip`?); there are directions, directions.header",
                ),
            ),
            ("direction", Some("did you mean `directions`?")),
            ("cancel", Some("the feature `cancel` is a client's")),
        ] {
            let error = own(name).check_listed().err();
            match expected {
                None => assert_eq!(error, None, "{name}"),
                Some(expected) => assert!(error.unwrap().contains(expected), "{name}"),
            }
        }
    }

    #[test]
    fn a_server_with_directions_has_each_of_their_parts() {
        let listed = |name: &str| BTreeSet::from([own(name)]);
        let size = own("directions.size");
        assert!(size.is_among(&listed("directions")) && size.is_among(&listed("directions.size")));
        assert!(!size.is_among(&listed("directions.delay")));
        assert!(!own("gzip").is_among(&listed("directions")));
        assert!(!own("directions").is_among(&listed("directions.size")));
    }

    #[test]
    fn a_case_needs_what_somebody_has_or_might() {
        let listed = [own("fast-lane")];
        for (name, expected) in [
            ("directions", None),
            ("fast-lane", None),
            (
                "fast-lnae",
                Some(
                    "no feature `fast-lnae` (did you mean `fast-lane`?); there are directions, directions.compress",
                ),
            ),
            (
                "slow-lane",
                Some("no feature `slow-lane`; there are directions, directions.compress"),
            ),
        ] {
            let error = own(name).check_needed(&listed).err();
            match expected {
                None => assert_eq!(error, None, "{name}"),
                Some(expected) => {
                    let error = error.unwrap();
                    assert!(error.contains(expected), "{name}: {error}");
                }
            }
        }
    }

    #[test]
    fn what_a_newer_client_announces_is_passed_over() {
        #[derive(Deserialize)]
        struct Hello {
            #[serde(deserialize_with = "known_client_features")]
            features: Vec<ClientFeature>,
        }
        let hello: Hello =
            serde_json::from_str(r#"{"features":["slow","telepathy","tls"]}"#).unwrap();
        assert_eq!(hello.features, [ClientFeature::Slow, ClientFeature::Tls]);
    }
}
