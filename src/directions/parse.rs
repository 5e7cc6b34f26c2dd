use std::time::Duration;

use tokio::time;
use tonic::codegen::http::HeaderMap;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use crate::words::quote;

const PREFIX: &str = "x-crosswire-";
const HEADER_PREFIX: &str = "x-crosswire-header";
const TRAILER_PREFIX: &str = "x-crosswire-trailer";
const STATUS: &str = "x-crosswire-status";
const STATUS_MESSAGE: &str = "x-crosswire-status-message-bin";
const STATUS_DETAILS: &str = "x-crosswire-status-details-bin";
const DELAY: &str = "x-crosswire-delay-ms";
pub(super) const SIZE: &str = "x-crosswire-size";
const COMPRESS: &str = "x-crosswire-compress";
const PANIC: &str = "x-crosswire-panic";

/// One more than the last code that gRPC knows: tonic makes UNKNOWN of it.
const MAX_CODE: u64 = 17;

/// 24 hours, which is as long as a call's deadline may be.
const MAX_DELAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Far beyond any limit of a message's size that a client has by default, and no
/// burden on the machine.
const MAX_SIZE_BYTES: u64 = 64 << 20;

/// What the metadata of one call asks for.
#[derive(Debug)]
pub(super) struct Directions {
    /// Sent back in the initial metadata.
    pub(super) headers: HeaderMap,
    /// Sent back in the trailing metadata.
    pub(super) trailers: HeaderMap,
    /// How the call ends, instead of its own status.
    pub(super) status: Option<Status>,
    /// The time to wait before each response message.
    delay: Duration,
    /// How many bytes each response message has at least.
    pub(super) size: usize,
    /// Whether the response messages are compressed with gzip: it was asked for,
    /// and offered.
    pub(super) gzip: bool,
    /// The text of the panic that ends the handler.
    pub(super) panic: Option<String>,
}

impl Directions {
    /// Waits as long as before each response message.
    pub(super) async fn pause(&self) {
        // The timer counts in milliseconds, and makes one of none.
        if !self.delay.is_zero() {
            time::sleep(self.delay).await;
        }
    }

    /// Whether a request with these headers directs anything.
    pub(super) fn are_in(headers: &HeaderMap) -> bool {
        headers.keys().any(|name| name.as_str().starts_with(PREFIX))
    }

    /// Of an entry that is there several times, the last counts.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT, naming the entry that makes no sense.
    pub(super) fn parse(headers: &HeaderMap) -> Result<Self, Status> {
        let entries = Entries(MetadataMap::from_headers(headers.clone()));
        Ok(Self {
            headers: starting_with(HEADER_PREFIX, headers),
            trailers: starting_with(TRAILER_PREFIX, headers),
            status: entries.status()?,
            delay: Duration::from_millis(entries.number(DELAY, MAX_DELAY_MS)?.unwrap_or(0)),
            // Less than any usize's limit.
            size: entries.number(SIZE, MAX_SIZE_BYTES)?.unwrap_or(0) as usize,
            gzip: entries.asks_for_gzip()? && offers_gzip(headers),
            panic: entries.text(PANIC),
        })
    }
}

fn starting_with(prefix: &str, headers: &HeaderMap) -> HeaderMap {
    let found = headers.iter().filter(|(name, _)| name.as_str().starts_with(prefix));
    found.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn offers_gzip(headers: &HeaderMap) -> bool {
    let offers = headers.get_all("grpc-accept-encoding").iter();
    let mut encodings = offers.flat_map(|offer| offer.as_bytes().split(|byte| *byte == b','));
    encodings.any(|encoding| encoding.trim_ascii() == b"gzip")
}

struct Entries(MetadataMap);

impl Entries {
    fn text(&self, name: &str) -> Option<String> {
        let value = self.0.get_all(name).iter().next_back()?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, Status> {
        let Some(value) = self.0.get_all_bin(name).iter().next_back() else {
            return Ok(None);
        };
        let bytes = value.to_bytes();
        bytes.map(|bytes| Some(bytes.into())).map_err(|_| refusal(name, "the value is not base64"))
    }

    fn number(&self, name: &str, most: u64) -> Result<Option<u64>, Status> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        // `u64` alone would take "+1".
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if is_number && number <= most => Ok(Some(number)),
            _ => {
                let text = quote(&text);
                Err(refusal(name, &format!("{text} is not a whole number from 0 to {most}")))
            }
        }
    }

    fn status(&self) -> Result<Option<Status>, Status> {
        let message = self.bytes(STATUS_MESSAGE)?.unwrap_or_default();
        let message = String::from_utf8(message).map_err(|error| {
            let text = String::from_utf8_lossy(error.as_bytes());
            refusal(STATUS_MESSAGE, &format!("{} is not UTF-8", quote(&text)))
        })?;
        let details = self.bytes(STATUS_DETAILS)?.unwrap_or_default();
        let code = self.number(STATUS, MAX_CODE)?;
        Ok(code.map(|code| Status::with_details(Code::from(code as i32), message, details.into())))
    }

    fn asks_for_gzip(&self) -> Result<bool, Status> {
        match self.text(COMPRESS).as_deref() {
            None => Ok(false),
            Some("gzip") => Ok(true),
            Some(other) => {
                let what = format!("{} is not an encoding of this server; give gzip", quote(other));
                Err(refusal(COMPRESS, &what))
            }
        }
    }
}

fn refusal(name: &str, what: &str) -> Status {
    Status::invalid_argument(format!("{name}: {what}"))
}
