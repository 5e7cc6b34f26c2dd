//! The entries of SETTINGS (RFC 9113, section 6.5.2), and what holds before any.

use bytes::Buf as _;

use crate::{frame::FrameError, names::named};

/// The size of the dynamic table before any SETTINGS.
pub const DEFAULT_HEADER_TABLE_BYTES: u32 = 4096;

/// The windows before any SETTINGS or WINDOW_UPDATE.
pub const DEFAULT_WINDOW_BYTES: u32 = 65_535;

/// How long a frame's payload may be before any SETTINGS. No setting makes it less.
pub const DEFAULT_MAX_FRAME_BYTES: u32 = 16_384;

/// The largest window that there can be (section 6.9.1).
pub const GREATEST_WINDOW_BYTES: u32 = (1 << 31) - 1;

/// The size of an entry: a number of two bytes and a value of four.
const ENTRY_BYTES: usize = 6;

named! { u16:
    /// How large the other side may make its dynamic table, in bytes.
    HEADER_TABLE_SIZE = 1,
    /// Whether the server may push; only a client's is heard.
    ENABLE_PUSH = 2,
    /// How many streams the other side may have open at once.
    MAX_CONCURRENT_STREAMS = 3,
    /// The window of a new stream, in bytes.
    INITIAL_WINDOW_SIZE = 4,
    /// How long a frame's payload may be, in bytes.
    MAX_FRAME_SIZE = 5,
    /// How much all fields of one block may take, in bytes.
    MAX_HEADER_LIST_SIZE = 6,
    /// gRPC's own (gRFC G1): `-bin` values may be sent as they are, after a zero.
    GRPC_ALLOW_TRUE_BINARY_METADATA = 0xfe03,
}

/// The entries of a SETTINGS frame's payload, in their order.
///
/// # Errors
/// The last entry is not whole.
pub fn entries(
    payload: &[u8],
) -> Result<impl ExactSizeIterator<Item = (u16, u32)> + use<'_>, FrameError> {
    if !payload.len().is_multiple_of(ENTRY_BYTES) {
        return Err(FrameError::Size);
    }
    let entries = payload.chunks_exact(ENTRY_BYTES);
    Ok(entries.map(|mut entry| (entry.get_u16(), entry.get_u32())))
}

/// A setting as it is shown: by its name, if it has one.
#[must_use]
pub fn setting_name(setting: u16) -> String {
    name(setting).map_or_else(|| format!("setting {setting:#06x}"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_if_all_are_whole() {
        let read = |payload: &[u8]| entries(payload).map(Iterator::collect::<Vec<_>>);
        assert_eq!(read(b""), Ok(vec![]));
        assert_eq!(
            read(&[0, 4, 0, 1, 0, 0, 0xfe, 3, 0, 0, 0, 1]),
            Ok(vec![(4, 65_536), (0xfe03, 1)])
        );
        assert_eq!(read(&[0, 4, 0, 1, 0, 0, 0]), Err(FrameError::Size));
    }

    #[test]
    fn settings_have_names() {
        assert_eq!(name(MAX_FRAME_SIZE), Some("MAX_FRAME_SIZE"));
        assert_eq!(number("MAX_FRAME_SIZE"), Some(5));
        assert_eq!((name(0), number("none")), (None, None));
        assert_eq!(
            (setting_name(2).as_str(), setting_name(0x99).as_str()),
            ("ENABLE_PUSH", "setting 0x0099")
        );
    }
}
