use prost::bytes::Bytes;
use tonic::Status;

/// What gRPC takes by default, and what both sides of this peer take.
pub(crate) const MAX_MESSAGE_BYTES: usize = 4 << 20;

/// The length of a message's prefix: whether it is compressed, then its length.
const PREFIX_BYTES: usize = 5;

/// Follows the messages in a body's data, whatever the pieces that it comes in.
///
/// tonic would say OUT_OF_RANGE of a message that is too long, and would not say
/// anything of one too many.
#[derive(Debug)]
pub(super) struct MessageReader {
    max_messages: Option<usize>,
    /// How many messages have begun.
    messages: usize,
    prefix: [u8; PREFIX_BYTES],
    prefix_read: usize,
    /// How much is missing of the message whose prefix was read.
    missing: usize,
}

impl MessageReader {
    /// Takes messages of up to [`MAX_MESSAGE_BYTES`], and so many of them.
    pub(super) fn new(max_messages: Option<usize>) -> Self {
        Self { max_messages, messages: 0, prefix: [0; PREFIX_BYTES], prefix_read: 0, missing: 0 }
    }

    /// Reads the next piece. What is wrong with it is told with the part of it
    /// that came before.
    pub(super) fn read(&mut self, data: &Bytes) -> Result<(), (Bytes, Status)> {
        let mut at = 0;
        while at < data.len() {
            if self.missing > 0 {
                let read = self.missing.min(data.len() - at);
                self.missing -= read;
                at += read;
                continue;
            }
            let start = at;
            let read = (PREFIX_BYTES - self.prefix_read).min(data.len() - at);
            self.prefix[self.prefix_read..][..read].copy_from_slice(&data[at..][..read]);
            self.prefix_read += read;
            at += read;
            if self.prefix_read == PREFIX_BYTES {
                self.begin().map_err(|status| (data.slice(..start), status))?;
            }
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(), Status> {
        let [_, length @ ..] = self.prefix;
        let length = u32::from_be_bytes(length) as usize;
        self.prefix_read = 0;
        self.missing = length;
        self.messages += 1;
        match self.max_messages {
            Some(most) if most < self.messages => {
                Err(Status::internal(format!("more than {most} message, for a method with one")))
            }
            _ if length > MAX_MESSAGE_BYTES => Err(Status::resource_exhausted(format!(
                "a message of {length} bytes is longer than {MAX_MESSAGE_BYTES}"
            ))),
            _ => Ok(()),
        }
    }

    /// Whether nothing has come.
    pub(super) fn is_unused(&self) -> bool {
        self.messages == 0 && self.prefix_read == 0
    }

    /// Whether a message has begun that has not ended.
    pub(super) fn is_within(&self) -> bool {
        self.missing > 0 || self.prefix_read > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::Code;

    fn data(lengths: &[usize]) -> Vec<u8> {
        let message = |&length: &usize| {
            let prefix = [&[0][..], &(length as u32).to_be_bytes()].concat();
            [prefix, vec![7; length]].concat()
        };
        lengths.iter().flat_map(message).collect()
    }

    #[test]
    fn pieces_mean_nothing() {
        let whole = data(&[0, 3, 0, 7]);
        for size in 1..=whole.len() {
            let mut reader = MessageReader::new(Some(4));
            for piece in whole.chunks(size) {
                reader.read(&Bytes::copy_from_slice(piece)).expect("no error");
            }
            assert_eq!((reader.messages, reader.is_within()), (4, false), "{size}");
        }
    }

    #[test]
    fn a_message_without_its_end_is_noticed() {
        let whole = data(&[2, 3]);
        for (length, expected) in [(0, false), (1, true), (6, true), (7, false), (9, true)] {
            let mut reader = MessageReader::new(None);
            reader.read(&Bytes::copy_from_slice(&whole[..length])).expect("no error");
            assert_eq!(reader.is_within(), expected, "{length}");
        }
    }

    #[test]
    fn what_came_before_is_kept() {
        let too_long = [data(&[2]), vec![0, 0, 0x40, 0, 1]].concat();
        let table = [(too_long, Code::ResourceExhausted), (data(&[2, 0, 0]), Code::Internal)];
        for (whole, expected) in table {
            let mut reader = MessageReader::new(Some(2));
            let (before, status) = reader.read(&whole.into()).expect_err("an error");
            assert_eq!(status.code(), expected);
            assert!(before.starts_with(&data(&[2])), "{before:?}");
        }
    }

    #[test]
    fn four_mebibytes_are_not_too_long() {
        let prefix = [&[0][..], &(MAX_MESSAGE_BYTES as u32).to_be_bytes()].concat();
        MessageReader::new(None).read(&prefix.into()).expect("no error");
    }
}
