use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};
use tonic::Status;

use super::parse::SIZE;

/// The number of the field that no message of ours has.
const FIELD: u32 = 1000;

/// The length of the field's tag.
const TAG_BYTES: usize = 2;

/// Makes the serialized message so many bytes long, by an unknown field of zeros
/// at its end. A message that is as long already, or longer, stays as it is.
///
/// # Errors
///
/// INVALID_ARGUMENT: no field has the length that is missing.
pub(super) fn pad(message: &mut Vec<u8>, size: usize) -> Result<(), Status> {
    let length = message.len();
    let missing = size.saturating_sub(length);
    if missing == 0 {
        return Ok(());
    }
    let zeros = zeros_of_field(missing).ok_or_else(|| {
        Status::invalid_argument(format!(
            "{SIZE}: {size}: a message of {length} bytes cannot be made {missing} bytes longer, \
             which no field is; give another size"
        ))
    })?;
    message.reserve_exact(missing);
    encode_key(FIELD, WireType::LengthDelimited, message);
    encode_varint(zeros as u64, message);
    message.resize(size, 0);
    Ok(())
}

/// How many zeros a field has that is so long with its tag and its length. There
/// is none if those alone are longer, or if one more zero makes the length itself
/// a byte longer.
fn zeros_of_field(field_bytes: usize) -> Option<usize> {
    (1..=encoded_len_varint(field_bytes as u64)).find_map(|length_bytes| {
        let zeros = field_bytes.checked_sub(TAG_BYTES + length_bytes)?;
        (encoded_len_varint(zeros as u64) == length_bytes).then_some(zeros)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::SequenceElement;
    use prost::Message as _;
    use tonic::Code;

    #[test]
    fn messages_get_exactly_the_size() {
        for size in [5, 6, 100, 131, 132, 134, 135, 1000, 16_389, 16_391, 1 << 20] {
            let element = SequenceElement { element: 2, count: 0 };
            let mut message = element.encode_to_vec();
            assert_eq!(message.len(), 2);
            pad(&mut message, size).expect("a field");
            assert_eq!(message.len(), size);
            let decoded = SequenceElement::decode(message.as_slice());
            assert_eq!(decoded, Ok(element), "{size}");
        }
    }

    #[test]
    fn longer_messages_stay() {
        for size in [0, 2, 3] {
            let mut message = vec![8, 1, 16];
            pad(&mut message, size).expect("nothing to do");
            assert_eq!(message, [8, 1, 16], "{size}");
        }
    }

    #[test]
    fn what_no_field_can_fill_is_refused() {
        for size in [1, 2, 131] {
            let error = pad(&mut Vec::new(), size).expect_err("no field");
            assert_eq!(error.code(), Code::InvalidArgument);
            let expected = format!(
                "x-crosswire-size: {size}: a message of 0 bytes cannot be made {size} bytes longer, \
                 which no field is; give another size"
            );
            assert_eq!(error.message(), expected);
        }
    }
}
