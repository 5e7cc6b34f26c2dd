//! How many trials are in flight at once: as many as the peers keep up with.

use std::time::{Duration, Instant};

/// How many are tried at first. An answer that comes soon makes it one more, so that quick
/// peers have as many as they take after a few hundredths of a second.
const FIRST: usize = 16;

/// The fewest; calls are always made side by side.
const FEWEST: usize = 2;

/// An answer that takes no longer came soon.
const SOON: Duration = Duration::from_millis(150);

/// One that takes longer has waited for others: the next deadlines would pass without
/// anybody's fault. The shortest in the suites are of half a second.
const LATE: Duration = Duration::from_millis(400);

/// The pace of a cell.
#[derive(Debug)]
pub(super) struct Pace {
    allowed: usize,
    most: usize,
    last_cut: Option<Instant>,
}

impl Pace {
    /// Of a client that takes so many calls.
    pub(super) fn new(most: usize) -> Self {
        Self { allowed: FIRST.min(most), most, last_cut: None }
    }

    /// How many trials may be in flight, apart from those that only wait.
    pub(super) const fn allowed(&self) -> usize {
        self.allowed
    }

    /// An ordinary trial was answered after so long.
    pub(super) fn answered(&mut self, after: Duration, now: Instant) {
        if after <= SOON {
            self.allowed = (self.allowed + 1).min(self.most);
        } else if after > LATE {
            // Those that were in flight together are late together, and count once.
            let is_new = self.last_cut.is_none_or(|cut| now.duration_since(cut) > after);
            if is_new {
                self.last_cut = Some(now);
                self.allowed = (self.allowed / 2).max(FEWEST);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_follows_the_peers() {
        let (now, ms) = (Instant::now(), Duration::from_millis);
        let mut pace = Pace::new(64);
        assert_eq!(pace.allowed(), 16);
        (0..100).for_each(|_| pace.answered(ms(3), now));
        assert_eq!(pace.allowed(), 64, "no more than the client takes");
        pace.answered(ms(300), now);
        assert_eq!(pace.allowed(), 64, "neither soon nor late");
        (0..64).for_each(|_| pace.answered(ms(900), now + ms(900)));
        assert_eq!(pace.allowed(), 32, "late together, once");
        for round in 2..20 {
            pace.answered(ms(900), now + ms(1_000 * round));
        }
        assert_eq!(pace.allowed(), 2, "there is a fewest");
        pace.answered(ms(100), now + ms(30_000));
        assert_eq!(pace.allowed(), 3, "and a way back");
        assert_eq!(Pace::new(1).allowed(), 1);
    }
}
