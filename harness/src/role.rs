//! The two sides of a cell.

use crosswire_http2::frame::FrameReader;

/// Which of a cell's two processes.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Deserialize,
    serde::Serialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The one that answers.
    Server,
    /// The one that asks.
    Client,
}

impl Role {
    /// Reads the frames that this side sends.
    #[must_use]
    pub fn frame_reader(self) -> FrameReader {
        match self {
            Self::Client => FrameReader::of_client(),
            Self::Server => FrameReader::of_server(),
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Server => "server",
            Self::Client => "client",
        })
    }
}
