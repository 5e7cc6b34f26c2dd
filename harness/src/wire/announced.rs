//! What one side announced in SETTINGS, and from when it binds the other side.
//!
//! A watcher stands between the two and cannot know when a side *read* a setting;
//! it knows only when the setting passed, and when its acknowledgement did. In
//! between, both the old and the new value are lawful, so each limit here is the
//! most generous of the values that may be in force: nobody is accused of what
//! a race explains.

use std::collections::VecDeque;

use crosswire_http2::settings::{
    DEFAULT_HEADER_TABLE_BYTES, DEFAULT_MAX_FRAME_BYTES, DEFAULT_WINDOW_BYTES,
    GRPC_ALLOW_TRUE_BINARY_METADATA, HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE,
    MAX_CONCURRENT_STREAMS, MAX_FRAME_SIZE,
};

use super::unreadable::Unreadable;

/// How many SETTINGS may wait for their acknowledgement and still be followed.
const MAX_PENDING: usize = 64;

#[derive(Debug, Clone, Copy)]
struct Values {
    header_table_bytes: u32,
    max_streams: u32,
    initial_window_bytes: u32,
    max_frame_bytes: u32,
}

/// The limits that one side set for what the other sends.
#[derive(Debug)]
pub(super) struct Announced {
    acknowledged: Values,
    pending: VecDeque<Values>,
    /// Whether it takes `-bin` values that are not base64 (gRFC G1).
    pub(super) takes_true_binary: bool,
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
    pub(super) fn announce(&mut self, settings: &[(u16, u32)]) -> Result<(), Unreadable> {
        if self.pending.len() == MAX_PENDING {
            return Err(Unreadable::TooManySettings);
        }
        let mut values = self.pending.back().copied().unwrap_or(self.acknowledged);
        for &(setting, value) in settings {
            match setting {
                HEADER_TABLE_SIZE => values.header_table_bytes = value,
                MAX_CONCURRENT_STREAMS => values.max_streams = value,
                INITIAL_WINDOW_SIZE => values.initial_window_bytes = value,
                MAX_FRAME_SIZE => values.max_frame_bytes = value,
                GRPC_ALLOW_TRUE_BINARY_METADATA => self.takes_true_binary = value == 1,
                _ => {}
            }
        }
        self.pending.push_back(values);
        Ok(())
    }

    /// The other side acknowledged the oldest SETTINGS that it had not. False if
    /// there were none.
    pub(super) fn acknowledge(&mut self) -> bool {
        let Some(values) = self.pending.pop_front() else { return false };
        self.acknowledged = values;
        true
    }

    /// How much the other side may send on a new stream.
    pub(super) fn initial_window_bytes(&self) -> u32 {
        self.most(|values| values.initial_window_bytes)
    }

    /// How long a frame's payload may be.
    pub(super) fn max_frame_bytes(&self) -> u32 {
        self.most(|values| values.max_frame_bytes)
    }

    /// How many streams the other side may have open; `u32::MAX` is no limit.
    pub(super) fn max_streams(&self) -> u32 {
        self.most(|values| values.max_streams)
    }

    /// How large the other side may make its dynamic table.
    pub(super) fn header_table_bytes(&self) -> u32 {
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
        assert_eq!(announced.announce(&[]), Err(Unreadable::TooManySettings));
    }
}
