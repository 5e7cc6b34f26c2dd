//! Makes a message as long as it was directed.

use crate::grpc::status::{Status, code};

/// The key of a field of bytes that no message of ours has, number 1000.
const KEY: [u8; 2] = [0xc2, 0x3e];

/// The longest length of a field that takes so many bytes itself.
const LONGEST: [usize; 4] = [(1 << 7) - 1, (1 << 14) - 1, (1 << 21) - 1, (1 << 28) - 1];

/// Makes a message so long, with an unknown field at its end. A longer one stays.
///
/// # Errors
/// No field has the length that is missing.
pub(super) fn pad(message: &mut Vec<u8>, size: usize) -> Result<(), Status> {
    let missing = size.saturating_sub(message.len());
    if missing == 0 {
        return Ok(());
    }
    let zeros = LONGEST.iter().zip(1..).find_map(|(longest, length_bytes)| {
        let zeros = missing.checked_sub(KEY.len() + length_bytes)?;
        let least = if length_bytes == 1 { 0 } else { LONGEST[length_bytes - 2] + 1 };
        (least..=*longest).contains(&zeros).then_some(zeros)
    });
    let Some(zeros) = zeros else {
        return Err(Status::new(code::INVALID_ARGUMENT, "x-crosswire-size: no field is so long"));
    };
    message.extend(KEY);
    let mut rest = zeros;
    while rest >= 0x80 {
        message.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    message.push(rest as u8);
    message.resize(size, 0);
    Ok(())
}
