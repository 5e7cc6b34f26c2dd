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

#[cfg(test)]
mod tests {
    use std::{pin::pin, time::Duration};

    use tokio::{runtime, time::timeout};

    use super::*;

    #[test]
    fn whoever_finds_no_room_waits_for_the_last_copy_to_go() {
        let runtime = runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            // More than there is, which is all of it.
            let all = Held::of(MAX_HELD_BYTES + 1).await;
            let copy = all.clone();
            let mut more = pin!(Held::of(1));
            assert!(timeout(Duration::ZERO, &mut more).await.is_err());
            drop(all);
            assert!(timeout(Duration::ZERO, &mut more).await.is_err());
            drop(copy);
            more.await;
        });
    }
}
