//! gzip.

use std::io::{Read as _, Write as _};

use flate2::{
    Compression,
    read::MultiGzDecoder,
    write::{GzEncoder, ZlibEncoder},
};
use mutants::{mutant::Mutant, planted::planted};

use super::{
    limit::{MAX_MESSAGE_BYTES, has_limit, too_long},
    status::{Status, code},
};

/// The encoding that is written.
pub(crate) fn encoding() -> &'static str {
    if planted(Mutant::AnswersInDeflate) { "deflate" } else { "gzip" }
}

/// A payload in that encoding.
pub(crate) fn compress(payload: &[u8]) -> Vec<u8> {
    let level =
        if planted(Mutant::StoresInGzip) { Compression::none() } else { Compression::default() };
    // A vector takes everything.
    if planted(Mutant::AnswersInDeflate) {
        let mut encoder = ZlibEncoder::new(Vec::new(), level);
        return encoder.write_all(payload).and_then(|()| encoder.finish()).unwrap_or_default();
    }
    if planted(Mutant::ClaimsToCompress) {
        return payload.to_vec();
    }
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(payload).and_then(|()| encoder.finish()).unwrap_or_default()
}

/// The payload that was compressed, if it is not too long.
///
/// # Errors
/// It is, or this is no gzip.
pub(crate) fn inflate(compressed: &[u8]) -> Result<Vec<u8>, Status> {
    if planted(Mutant::InflatesNothing) {
        return Ok(compressed.to_vec());
    }
    let is_limited = !planted(Mutant::LimitsOnlyCompressed) && has_limit();
    let most = if is_limited { MAX_MESSAGE_BYTES as u64 } else { 1 << 26 };
    let mut inflated = Vec::new();
    let read = MultiGzDecoder::new(compressed).take(most + 1).read_to_end(&mut inflated);
    read.map_err(|_| Status::new(code::INTERNAL, "the message is no gzip"))?;
    if inflated.len() as u64 > most {
        return Err(too_long());
    }
    Ok(inflated)
}
