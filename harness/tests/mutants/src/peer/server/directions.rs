//! Directions: what a request's metadata asks of the answer (docs/peer-protocol.md).

use std::time::Duration;

use crate::grpc::{
    metadata::Entry,
    status::{Status, code},
};

/// One more than gRPC has, which is UNKNOWN then.
const MAX_CODE: u64 = 17;
const MAX_DELAY_MS: u64 = 24 * 60 * 60 * 1000;
const MAX_SIZE_BYTES: u64 = 64 << 20;

/// What the metadata of one call asks for.
#[derive(Default)]
pub(super) struct Directions {
    pub(super) headers: Vec<Entry>,
    pub(super) trailers: Vec<Entry>,
    pub(super) status: Option<Status>,
    pub(super) delay: Duration,
    pub(super) size: usize,
    pub(super) gzip: bool,
    /// The text of the bug by which the handler fails.
    pub(super) panic: Option<String>,
}

impl Directions {
    /// # Errors
    /// INVALID_ARGUMENT: a value has no meaning.
    pub(super) fn read(metadata: &[Entry], offers_gzip: bool) -> Result<Self, Status> {
        let starting = |prefix: &str| {
            metadata.iter().filter(|entry| entry.name.starts_with(prefix)).cloned().collect()
        };
        let mut directions = Self {
            headers: starting("x-crosswire-header"),
            trailers: starting("x-crosswire-trailer"),
            ..Self::default()
        };
        let (mut status, mut message, mut details) = (None, String::new(), Vec::new());
        for Entry { name, value } in metadata {
            match name.as_str() {
                "x-crosswire-status" => status = Some(number(name, value, MAX_CODE)?),
                "x-crosswire-status-message-bin" => message = text(name, value)?,
                "x-crosswire-status-details-bin" => details = value.clone(),
                "x-crosswire-delay-ms" => {
                    directions.delay = Duration::from_millis(number(name, value, MAX_DELAY_MS)?);
                }
                "x-crosswire-size" => {
                    // Less than any usize's limit.
                    directions.size = number(name, value, MAX_SIZE_BYTES)? as usize;
                }
                "x-crosswire-compress" if value == b"gzip" => directions.gzip = offers_gzip,
                "x-crosswire-compress" => return Err(refusal(name)),
                "x-crosswire-panic" => directions.panic = Some(text(name, value)?),
                _ => {}
            }
        }
        let known =
            |code: u64| i32::try_from(code).ok().filter(|code| *code <= code::UNAUTHENTICATED);
        directions.status = status.map(|code| Status {
            code: known(code).unwrap_or(code::UNKNOWN),
            message,
            details,
        });
        Ok(directions)
    }
}

fn number(name: &str, value: &[u8], most: u64) -> Result<u64, Status> {
    let text = std::str::from_utf8(value).unwrap_or_default();
    let number = text.parse().ok().filter(|number| *number <= most);
    number.filter(|_| !text.starts_with('+')).ok_or_else(|| refusal(name))
}

fn text(name: &str, value: &[u8]) -> Result<String, Status> {
    String::from_utf8(value.to_vec()).map_err(|_| refusal(name))
}

fn refusal(name: &str) -> Status {
    Status::new(code::INVALID_ARGUMENT, format!("{name}: the value has no meaning"))
}
