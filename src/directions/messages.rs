use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use prost::bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use tonic::Status;

use super::padding::pad;
use super::parse::Directions;

/// The length of a message's prefix: whether it is compressed, then its length.
const PREFIX_BYTES: usize = 5;

/// Takes the next whole message, without its prefix, out of what tonic wrote. It
/// is not compressed: the services' own code never asks for that.
pub(super) fn take_message(written: &mut BytesMut) -> Option<Vec<u8>> {
    let length = written.get(1..PREFIX_BYTES)?.get_u32() as usize;
    if written.len() - PREFIX_BYTES < length {
        return None;
    }
    written.advance(PREFIX_BYTES);
    Some(written.split_to(length).into())
}

/// The message as it is sent, with its prefix.
///
/// # Errors
///
/// INVALID_ARGUMENT: it cannot be made as long as was directed.
pub(super) fn prepare(mut message: Vec<u8>, directions: &Directions) -> Result<Bytes, Status> {
    pad(&mut message, directions.size)?;
    if directions.gzip {
        message = compress(&message);
    }
    let mut prepared = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    prepared.put_u8(directions.gzip.into());
    let length = u32::try_from(message.len());
    prepared.put_u32(length.map_err(|_| Status::resource_exhausted("a message of 4 GiB"))?);
    prepared.put_slice(&message);
    Ok(prepared.freeze())
}

fn compress(message: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(message).and_then(|()| encoder.finish()).expect("a vector takes everything")
}
