//! How much memory what clients answered may take.

use std::sync::{Arc, LazyLock};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What is kept of all answers together, until they are judged: four of the longest lines. Whoever
/// has more to say is not read until there is room.
const MAX_HELD_BYTES: usize = 96 << 20;

static ALL: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(MAX_HELD_BYTES)));

/// A share of the memory that all answers may take, given back with the last copy. Of two
/// answers that say the same, it tells no difference.
#[derive(Debug, Clone, Default)]
pub struct Held {
    _share: Option<Arc<OwnedSemaphorePermit>>,
}

impl Held {
    /// So many bytes, as soon as they are there. Safe to cancel.
    pub async fn of(bytes: usize) -> Self {
        let bytes = u32::try_from(bytes.min(MAX_HELD_BYTES)).unwrap_or(u32::MAX);
        let share = Arc::clone(&ALL).acquire_many_owned(bytes).await;
        Self { _share: share.ok().map(Arc::new) }
    }
}

impl PartialEq for Held {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Held {}
