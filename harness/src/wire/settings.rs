//! What one side announced in SETTINGS, and from when it binds the other side.
//!
//! A watcher stands between the two and cannot know when a side *read* a setting;
//! it knows only when the setting passed, and when its acknowledgement did. In
//! between, both the old and the new value are lawful, so each limit here is the
//! most generous of the values that may be in force: nobody is accused of what
//! a race explains.

use std::collections::VecDeque;

use bytes::Buf as _;

use super::frame::FrameError;

/// The size of the dynamic table before any SETTINGS.
pub const DEFAULT_HEADER_TABLE_BYTES: u32 = 4096;

/// The windows before any SETTINGS or WINDOW_UPDATE.
pub const DEFAULT_WINDOW_BYTES: u32 = 65_535;

const DEFAULT_MAX_FRAME_BYTES: u32 = 16_384;

/// How many SETTINGS may wait for their acknowledgement and still be followed.
const MAX_PENDING: usize = 64;

pub(crate) const HEADER_TABLE_SIZE: u16 = 1;
const ENABLE_PUSH: u16 = 2;
const MAX_CONCURRENT_STREAMS: u16 = 3;
pub(crate) const INITIAL_WINDOW_SIZE: u16 = 4;
pub(crate) const MAX_FRAME_SIZE: u16 = 5;
const MAX_HEADER_LIST_SIZE: u16 = 6;

/// gRPC's own (gRFC G1): `-bin` values may be sent as they are, after a zero.
const ALLOW_TRUE_BINARY: u16 = 0xfe03;

/// The entries of a SETTINGS frame; bytes that are no whole entry are left out.
pub(crate) fn entries(payload: &[u8]) -> impl Iterator<Item = (u16, u32)> {
    payload.chunks_exact(6).map(|mut entry| (entry.get_u16(), entry.get_u32()))
}

/// The name of a setting.
#[must_use]
pub fn setting_name(setting: u16) -> String {
    let name = match setting {
        HEADER_TABLE_SIZE => "HEADER_TABLE_SIZE",
        ENABLE_PUSH => "ENABLE_PUSH",
        MAX_CONCURRENT_STREAMS => "MAX_CONCURRENT_STREAMS",
        INITIAL_WINDOW_SIZE => "INITIAL_WINDOW_SIZE",
        MAX_FRAME_SIZE => "MAX_FRAME_SIZE",
        MAX_HEADER_LIST_SIZE => "MAX_HEADER_LIST_SIZE",
        ALLOW_TRUE_BINARY => "GRPC_ALLOW_TRUE_BINARY_METADATA",
        other => return format!("setting {other:#06x}"),
    };
    name.to_owned()
}

#[derive(Debug, Clone, Copy)]
struct Values {
    header_table_bytes: u32,
    max_streams: u32,
    initial_window_bytes: u32,
    max_frame_bytes: u32,
}

/// The limits that one side set for what the other sends.
#[derive(Debug)]
pub struct Announced {
    acknowledged: Values,
    pending: VecDeque<Values>,
    /// Whether it takes `-bin` values that are not base64 (gRFC G1).
    pub takes_true_binary: bool,
}

impl Default for Announced {
    fn default() -> Self {
        let acknowledged = Values {
            header_table_bytes: DEFAULT_HEADER_TABLE_BYTES,
            max_streams: u32::MAX,
            initial_window_bytes: DEFAULT_WINDOW_BYTES,
            max_frame_bytes: DEFAULT_MAX_FRAME_BYTES,
        };
        Self { acknowledged, pending: VecDeque::new(), takes_true_binary: false }
    }
}

impl Announced {
    /// SETTINGS passed.
    ///
    /// # Errors
    /// Too many wait for their acknowledgement.
    pub fn announce(&mut self, settings: &[(u16, u32)]) -> Result<(), FrameError> {
        if self.pending.len() == MAX_PENDING {
            return Err(FrameError::TooManySettings);
        }
        let mut values = self.pending.back().copied().unwrap_or(self.acknowledged);
        for &(setting, value) in settings {
            match setting {
                HEADER_TABLE_SIZE => values.header_table_bytes = value,
                MAX_CONCURRENT_STREAMS => values.max_streams = value,
                INITIAL_WINDOW_SIZE => values.initial_window_bytes = value,
                MAX_FRAME_SIZE => values.max_frame_bytes = value,
                ALLOW_TRUE_BINARY => self.takes_true_binary = value == 1,
                _ => {}
            }
        }
        self.pending.push_back(values);
        Ok(())
    }

    /// The other side acknowledged the oldest SETTINGS that it had not. False if
    /// there were none.
    pub fn acknowledge(&mut self) -> bool {
        let Some(values) = self.pending.pop_front() else { return false };
        self.acknowledged = values;
        true
    }

    /// How much the other side may send on a new stream.
    #[must_use]
    pub fn initial_window_bytes(&self) -> u32 {
        self.most(|values| values.initial_window_bytes)
    }

    /// How long a frame's payload may be.
    #[must_use]
    pub fn max_frame_bytes(&self) -> u32 {
        self.most(|values| values.max_frame_bytes)
    }

    /// How many streams the other side may have open; `u32::MAX` is no limit.
    #[must_use]
    pub fn max_streams(&self) -> u32 {
        self.most(|values| values.max_streams)
    }

    /// How large the other side may make its dynamic table.
    #[must_use]
    pub fn header_table_bytes(&self) -> u32 {
        self.most(|values| values.header_table_bytes)
    }

    fn most(&self, value: impl Fn(&Values) -> u32) -> u32 {
        let pending = self.pending.iter().map(&value).max();
        value(&self.acknowledged).max(pending.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raise_binds_at_once_and_a_cut_when_it_is_acknowledged() {
        let mut announced = Announced::default();
        assert_eq!((announced.initial_window_bytes(), announced.max_streams()), (65_535, u32::MAX));
        announced.announce(&[(INITIAL_WINDOW_SIZE, 100_000), (MAX_CONCURRENT_STREAMS, 2)]).unwrap();
        assert_eq!(
            (announced.initial_window_bytes(), announced.max_streams()),
            (100_000, u32::MAX)
        );
        announced.announce(&[(INITIAL_WINDOW_SIZE, 10)]).unwrap();
        assert!(announced.acknowledge());
        assert_eq!((announced.initial_window_bytes(), announced.max_streams()), (100_000, 2));
        assert!(announced.acknowledge());
        assert_eq!((announced.initial_window_bytes(), announced.max_streams()), (10, 2));
        assert!(!announced.acknowledge(), "nothing is left to acknowledge");
    }

    #[test]
    fn a_flood_of_settings_is_not_kept() {
        let mut announced = Announced::default();
        assert!((0..MAX_PENDING).all(|_| announced.announce(&[]).is_ok()));
        assert_eq!(announced.announce(&[]), Err(FrameError::TooManySettings));
    }
}
