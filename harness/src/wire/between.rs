//! What passes on a connection while no stream is open on it.

use std::{collections::VecDeque, sync::Arc};

use super::transcript::Event;

/// How many of the first events are kept, and how many of the last. Of a flood, both say
/// something: what it began with, and what it led to.
const MAX_FIRST: usize = 192;
const MAX_LAST: usize = 64;

/// Events that belong to no stream yet.
#[derive(Debug, Default)]
pub(super) struct BetweenCalls {
    first: Vec<Arc<Event>>,
    last: VecDeque<Arc<Event>>,
    is_cut: bool,
}

impl BetweenCalls {
    pub(super) fn push(&mut self, event: Arc<Event>) {
        if self.first.len() < MAX_FIRST {
            self.first.push(event);
            return;
        }
        if self.last.len() == MAX_LAST {
            self.last.pop_front();
            self.is_cut = true;
        }
        self.last.push_back(event);
    }

    /// All that is kept, in order.
    pub(super) fn events(&self) -> impl Iterator<Item = &Arc<Event>> {
        self.first.iter().chain(&self.last)
    }

    /// Whether some between the first and the last are not kept.
    pub(super) const fn is_cut(&self) -> bool {
        self.is_cut
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.first.len() + self.last.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::{role::Role, wire::transcript::What};

    #[test]
    fn of_a_flood_the_first_and_the_last_are_kept() {
        let mut between = BetweenCalls::default();
        for offset in 0..1000 {
            between.push(Arc::new(Event {
                at: Duration::ZERO,
                from: Role::Client,
                by_tap: false,
                offset,
                size_bytes: 0,
                quote: Bytes::new(),
                what: What::SettingsAck { is_due: true },
            }));
        }
        let kept: Vec<u64> = between.events().map(|event| event.offset).collect();
        assert!(between.is_cut());
        assert_eq!(kept.len(), between.len());
        assert_eq!((kept[0], kept[MAX_FIRST - 1], kept[MAX_FIRST]), (0, 191, 936));
        assert_eq!(kept.last(), Some(&999));
    }
}
