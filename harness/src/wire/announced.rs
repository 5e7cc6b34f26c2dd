//! What one side announced in SETTINGS, and from when it binds the other side.
//!
//! A watcher stands between the two and cannot know when a side *read* a setting;
//! it knows only when the setting passed, and when its acknowledgement did. In
//! between, both the old and the new value are lawful, so each limit here is the
//! most generous of the values that may be in force: nobody is accused of what
//! a race explains.

use std::{collections::VecDeque, ops::RangeInclusive};

use crosswire_http2::settings::{
    DEFAULT_HEADER_TABLE_BYTES, DEFAULT_MAX_FRAME_BYTES, DEFAULT_WINDOW_BYTES,
    GRPC_ALLOW_TRUE_BINARY_METADATA, HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE,
    MAX_CONCURRENT_STREAMS, MAX_FRAME_SIZE,
};

/// How many SETTINGS may wait for their acknowledgement and be followed one by one. Those
/// beyond are followed together.
const MAX_PENDING: usize = 64;

/// What a window and a frame may be at most, and a frame at least (RFC 9113, section 6.5.2).
const MAX_WINDOW_BYTES: u32 = (1 << 31) - 1;
const FRAME_BYTES: RangeInclusive<u32> = DEFAULT_MAX_FRAME_BYTES..=(1 << 24) - 1;

#[derive(Debug, Clone, Copy)]
struct Values {
    header_table_bytes: u32,
    max_streams: u32,
    initial_window_bytes: u32,
    max_frame_bytes: u32,
}

/// SETTINGS that wait for their acknowledgement; several of them at the end of many.
#[derive(Debug, Clone, Copy)]
struct Pending {
    count: usize,
    /// The most that any of them allows.
    most: Values,
    /// What the last of them says.
    last: Values,
}

/// The limits that one side set for what the other sends.
#[derive(Debug)]
pub(super) struct Announced {
    acknowledged: Values,
    pending: VecDeque<Pending>,
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
    /// SETTINGS passed. A value that is out of its range says nothing: whoever reads it has
    /// an error to tell, and no limit to keep to.
    pub(super) fn announce(&mut self, settings: &[(u16, u32)]) {
        let mut values = self.pending.back().map_or(self.acknowledged, |pending| pending.last);
        for &(setting, value) in settings {
            match setting {
                HEADER_TABLE_SIZE => values.header_table_bytes = value,
                MAX_CONCURRENT_STREAMS => values.max_streams = value,
                INITIAL_WINDOW_SIZE if value <= MAX_WINDOW_BYTES => {
                    values.initial_window_bytes = value;
                }
                MAX_FRAME_SIZE if FRAME_BYTES.contains(&value) => values.max_frame_bytes = value,
                GRPC_ALLOW_TRUE_BINARY_METADATA => self.takes_true_binary = value == 1,
                _ => {}
            }
        }
        let is_full = self.pending.len() >= MAX_PENDING;
        match self.pending.back_mut().filter(|_| is_full) {
            Some(pending) => {
                pending.count += 1;
                pending.most = pending.most.or_more(&values);
                pending.last = values;
            }
            None => self.pending.push_back(Pending { count: 1, most: values, last: values }),
        }
    }

    /// The other side acknowledged the oldest SETTINGS that it had not. False if
    /// there were none.
    pub(super) fn acknowledge(&mut self) -> bool {
        let Some(oldest) = self.pending.front_mut() else { return false };
        oldest.count -= 1;
        if oldest.count == 0 {
            self.acknowledged = oldest.last;
            self.pending.pop_front();
        }
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
        let pending = self.pending.iter().map(|pending| value(&pending.most)).max();
        value(&self.acknowledged).max(pending.unwrap_or_default())
    }
}

impl Values {
    /// Of each limit, the more generous.
    fn or_more(&self, other: &Self) -> Self {
        Self {
            header_table_bytes: self.header_table_bytes.max(other.header_table_bytes),
            max_streams: self.max_streams.max(other.max_streams),
            initial_window_bytes: self.initial_window_bytes.max(other.initial_window_bytes),
            max_frame_bytes: self.max_frame_bytes.max(other.max_frame_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raise_binds_at_once_and_a_cut_when_it_is_acknowledged() {
        let mut announced = Announced::default();
        assert_eq!((announced.initial_window_bytes(), announced.max_streams()), (65_535, u32::MAX));
        announced.announce(&[(INITIAL_WINDOW_SIZE, 100_000), (MAX_CONCURRENT_STREAMS, 2)]);
        assert_eq!(
            (announced.initial_window_bytes(), announced.max_streams()),
            (100_000, u32::MAX)
        );
        announced.announce(&[(INITIAL_WINDOW_SIZE, 10)]);
        assert!(announced.acknowledge());
        assert_eq!((announced.initial_window_bytes(), announced.max_streams()), (100_000, 2));
        assert!(announced.acknowledge());
        assert_eq!((announced.initial_window_bytes(), announced.max_streams()), (10, 2));
        assert!(!announced.acknowledge(), "nothing is left to acknowledge");
    }

    /// Of many, the generous values count until all of them are acknowledged.
    #[test]
    fn a_flood_of_settings_is_followed_and_not_kept() {
        let mut announced = Announced::default();
        for number in 0..1000 {
            announced
                .announce(&[(INITIAL_WINDOW_SIZE, 100_000 + number), (MAX_FRAME_SIZE, 20_000)]);
        }
        announced.announce(&[(INITIAL_WINDOW_SIZE, 10)]);
        assert_eq!(announced.pending.len(), MAX_PENDING);
        for _ in 0..1000 {
            assert!(announced.acknowledge());
            assert_eq!(announced.initial_window_bytes(), 100_999);
        }
        assert!(announced.acknowledge());
        assert_eq!((announced.initial_window_bytes(), announced.max_frame_bytes()), (10, 20_000));
        assert!(!announced.acknowledge(), "nothing is left to acknowledge");
    }

    #[test]
    fn values_out_of_their_range_limit_nobody() {
        let mut announced = Announced::default();
        for (setting, value) in
            [(MAX_FRAME_SIZE, 1), (MAX_FRAME_SIZE, 1 << 24), (INITIAL_WINDOW_SIZE, 1 << 31)]
        {
            announced.announce(&[(setting, value)]);
            assert!(announced.acknowledge());
            let limits = (announced.max_frame_bytes(), announced.initial_window_bytes());
            assert_eq!(limits, (DEFAULT_MAX_FRAME_BYTES, DEFAULT_WINDOW_BYTES), "{value}");
        }
    }
}
