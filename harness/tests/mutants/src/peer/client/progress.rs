//! How far a call has come: what its steps wait for.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// What whoever reads the response tells whoever sends the request.
#[derive(Default)]
pub(super) struct Progress {
    reached: Mutex<Reached>,
    changed: Condvar,
}

#[derive(Default, Clone, Copy)]
pub(super) struct Reached {
    pub(super) has_headers: bool,
    /// How many response messages have come.
    pub(super) messages: usize,
    /// The call has ended, whoever ended it.
    pub(super) is_over: bool,
}

impl Progress {
    pub(super) fn update(&self, update: impl FnOnce(&mut Reached)) {
        update(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits until this is reached. Says whether it is before the call is over.
    pub(super) fn wait(&self, is_there: impl Fn(&Reached) -> bool) -> bool {
        let mut reached = self.lock();
        while !is_there(&reached) && !reached.is_over {
            reached = self.changed.wait(reached).unwrap_or_else(PoisonError::into_inner);
        }
        is_there(&reached)
    }

    /// Waits so long. Says whether the call is not over before.
    pub(super) fn pause(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        let mut reached = self.lock();
        while !reached.is_over {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            let waited = self.changed.wait_timeout(reached, left);
            reached = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    fn lock(&self) -> MutexGuard<'_, Reached> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
