//! How much memory what was seen may take: one budget for all connections of the process,
//! for it has one memory.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicUsize, Ordering},
};

/// What is kept of all connections together, transcripts that wait for their judgement
/// included. With the copies that wait to be read and the clients' answers, it stays far
/// below the 512 MiB that the harness may take.
const MAX_KEPT_BYTES: usize = 160 << 20;

/// So many bytes, which all share who keep something.
#[derive(Debug)]
pub struct Budget {
    left_bytes: AtomicUsize,
}

impl Default for Budget {
    fn default() -> Self {
        Self::of(MAX_KEPT_BYTES)
    }
}

impl Budget {
    /// The one that all taps share.
    #[must_use]
    pub fn of_process() -> Arc<Self> {
        static BUDGET: LazyLock<Arc<Budget>> = LazyLock::new(Arc::default);
        Arc::clone(&BUDGET)
    }

    /// A budget of so many bytes.
    #[must_use]
    pub const fn of(bytes: usize) -> Self {
        Self { left_bytes: AtomicUsize::new(bytes) }
    }

    /// How many bytes are left now.
    #[must_use]
    pub fn left_bytes(&self) -> usize {
        self.left_bytes.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: usize) -> bool {
        let less = |left: usize| left.checked_sub(bytes);
        self.left_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

/// A part of a budget, given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Share {
    /// Nothing yet.
    #[must_use]
    pub const fn of(budget: Arc<Budget>) -> Self {
        Self { budget, bytes: 0 }
    }

    /// How large it is.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How much larger it can become now.
    #[must_use]
    pub fn left_bytes(&self) -> usize {
        self.budget.left_bytes()
    }

    /// Takes so many bytes more. False if they are not left.
    pub fn grow(&mut self, bytes: usize) -> bool {
        let is_taken = self.budget.take(bytes);
        if is_taken {
            self.bytes += bytes;
        }
        is_taken
    }

    /// Takes or gives back what is missing to so many bytes, or too much. False if they
    /// are not left.
    pub fn resize(&mut self, bytes: usize) -> bool {
        match bytes.checked_sub(self.bytes) {
            Some(more) => self.grow(more),
            None => {
                self.budget.left_bytes.fetch_add(self.bytes - bytes, Ordering::Relaxed);
                self.bytes = bytes;
                true
            }
        }
    }
}

impl Clone for Share {
    /// Takes as much again, or nothing if it is not left.
    fn clone(&self) -> Self {
        let mut copy = Self::of(Arc::clone(&self.budget));
        copy.grow(self.bytes);
        copy
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.resize(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_is_there_for_others() {
        let budget = Arc::new(Budget::of(10));
        let (mut one, mut other) = (Share::of(Arc::clone(&budget)), Share::of(Arc::clone(&budget)));
        assert!(one.grow(6) && other.grow(4));
        assert!(!other.grow(1) && !one.resize(7));
        assert!(one.resize(5) && other.grow(1));
        assert_eq!((one.bytes(), other.bytes(), budget.left_bytes()), (5, 5, 0));
        drop(other);
        assert_eq!(budget.left_bytes(), 5);
        assert!(one.grow(5));
    }
}
