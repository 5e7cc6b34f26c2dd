//! What a call sends, step by step (docs/peer-protocol.md).

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use mutants::{mutant::Mutant, planted::planted};
use serde::Deserialize;

use super::types::Stub;

/// A step as the harness writes it.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(super) enum Asked {
    Message {
        /// In base64.
        message: String,
        #[serde(default = "once")]
        times: u64,
        compressed: Option<bool>,
    },
    WaitForHeaders {
        #[serde(rename = "wait_for_headers")]
        _is_asked: bool,
    },
    WaitForMessages {
        wait_for_messages: usize,
    },
    Pause {
        pause_ms: u64,
    },
    HalfClose {
        #[serde(rename = "half_close")]
        _is_asked: bool,
    },
    Cancel {
        #[serde(rename = "cancel")]
        _is_asked: bool,
    },
}

const fn once() -> u64 {
    1
}

/// A step to be done.
pub(super) enum Step {
    Message { payload: Vec<u8>, times: u64, is_compressed: bool },
    WaitForHeaders,
    WaitForMessages(usize),
    Pause(Duration),
    HalfClose,
    Cancel,
}

impl Step {
    /// Makes a step of a call whose messages are of this type, compressed or not.
    pub(super) fn of(asked: &Asked, stub: Stub, is_compressed: bool) -> Result<Self, String> {
        Ok(match asked {
            Asked::Message { message, times, compressed } => {
                let bytes = STANDARD.decode(message).map_err(|error| error.to_string())?;
                let is_refused =
                    *compressed == Some(false) && !planted(Mutant::CompressesAgainstOrders);
                Self::Message {
                    payload: stub.request(bytes).map_err(|error| error.to_string())?,
                    times: if planted(Mutant::RepeatsNothing) { 1 } else { *times },
                    is_compressed: is_compressed && !is_refused,
                }
            }
            Asked::WaitForHeaders { .. } => Self::WaitForHeaders,
            Asked::WaitForMessages { wait_for_messages } => {
                Self::WaitForMessages(*wait_for_messages)
            }
            Asked::Pause { pause_ms } => Self::Pause(Duration::from_millis(*pause_ms)),
            Asked::HalfClose { .. } => Self::HalfClose,
            Asked::Cancel { .. } => Self::Cancel,
        })
    }
}
