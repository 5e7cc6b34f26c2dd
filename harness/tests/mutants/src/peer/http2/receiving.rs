//! How a call reads its stream.

use std::time::Instant;

use crosswire_http2::{settings::DEFAULT_MAX_FRAME_BYTES, write::window_update};
use mutants::{mutant::Mutant, planted::planted};

use super::{
    connection::Connection,
    state::{Ended, Received, State},
};

/// So much may be read before it is given back to a window.
const WINDOW_STEP_BYTES: u32 = 16_384;

/// How much is read before those give it back who do so late, of 65,535 bytes.
const LATE_BYTES: u32 = 60_000;

/// In pieces of how much those say it who say it in many.
const PIECE_BYTES: u32 = 1000;

impl Connection {
    /// What comes next on a stream. What came before it was reset is not lost by that.
    ///
    /// # Errors
    /// Nothing comes in time, or ever.
    pub(crate) fn receive(&self, id: u32, until: Option<Instant>) -> Result<Received, Ended> {
        let mut state = self.lock();
        loop {
            let Some(stream) = state.streams.get_mut(&id) else { return Err(Ended::Lost) };
            if let Some(ended) = stream.failed {
                return Err(ended);
            }
            if let Some(received) = stream.inbox.pop_front() {
                if let Received::Data(_, size) = received {
                    give_back(&mut state, id, size);
                    if planted(Mutant::LeaksWindowOfCancelled) {
                        // What a call leaves unread is never given back.
                        give_back_to_all(&mut state, size);
                    }
                }
                return Ok(received);
            }
            if stream.is_ended {
                return Ok(Received::End);
            }
            if let Some(ended) = state.ended(id) {
                return Err(ended);
            }
            let changed = stream_changed(&state, id)?;
            state = self.wait(state, &changed, until)?;
        }
    }

    /// Waits, unless the stream ends before.
    ///
    /// # Errors
    /// It ends.
    pub(crate) fn pause(
        &self,
        id: u32,
        pause: std::time::Duration,
        deadline: Option<Instant>,
    ) -> Result<(), Ended> {
        let over = Instant::now() + pause;
        let until = deadline.map_or(over, |deadline| deadline.min(over));
        let mut state = self.lock();
        loop {
            if let Some(ended) = state.ended(id) {
                return Err(ended);
            }
            let changed = stream_changed(&state, id)?;
            state = match self.wait(state, &changed, Some(until)) {
                Ok(state) => state,
                Err(_) if until == over => return Ok(()),
                Err(late) => return Err(late),
            };
        }
    }
}

fn stream_changed(state: &State, id: u32) -> Result<std::sync::Arc<std::sync::Condvar>, Ended> {
    state.streams.get(&id).map(|stream| stream.changed.clone()).ok_or(Ended::Lost)
}

/// Lets the other side send as much more on the stream.
fn give_back(state: &mut State, id: u32, size: u32) {
    let is_short = size < DEFAULT_MAX_FRAME_BYTES;
    if planted(Mutant::NeverWidensWindows)
        || planted(Mutant::StreamWindowLost)
        || planted(Mutant::ShortFramesLost) && is_short
    {
        return;
    }
    let step = match () {
        () if planted(Mutant::WidensInSteps)
            || planted(Mutant::SmallWindows)
            || planted(Mutant::ShrinksWindows) =>
        {
            1
        }
        () if planted(Mutant::WidensLate) => LATE_BYTES,
        () => WINDOW_STEP_BYTES,
    };
    let Some(stream) = state.streams.get_mut(&id) else { return };
    stream.owed_window += size;
    if stream.owed_window >= step && !stream.is_ended {
        let owed = std::mem::take(&mut stream.owed_window);
        widen(state, id, owed);
    }
}

/// Lets the other side send so much more, said at once.
fn widen(state: &mut State, id: u32, owed: u32) {
    let mut rest = owed;
    while planted(Mutant::WidensInPieces) && rest > PIECE_BYTES {
        state.send(window_update(id, PIECE_BYTES));
        rest -= PIECE_BYTES;
    }
    state.send(window_update(id, rest));
}

/// Lets the other side send more on a stream before it has sent anything.
pub(super) fn widen_at_once(state: &mut State, id: u32) {
    if planted(Mutant::WidensAtOnce) {
        state.send(window_update(id, LATE_BYTES));
    }
}

/// Lets the other side send as much more on the connection, whether anybody reads it
/// or not: a slow reader holds back its own stream alone.
pub(super) fn give_back_to_all(state: &mut State, size: u32) {
    if planted(Mutant::NeverWidensWindows) || planted(Mutant::ConnectionWindowLost) {
        return;
    }
    let step = match () {
        () if planted(Mutant::WidensInSteps) => 1,
        () if planted(Mutant::WidensLate) => LATE_BYTES,
        () => WINDOW_STEP_BYTES,
    };
    state.owed_window += size;
    if state.owed_window >= step {
        let owed = std::mem::take(&mut state.owed_window);
        widen(state, 0, owed);
    }
}
