//! How late the harness itself is. What a clock decided while it was late, or while the
//! machine had more to do than it can, may be the machine's doing and nobody's fault.
//!
//! A heartbeat on a thread of its own tells how late a thread is woken, and how many threads
//! of the whole system want a processor; one on the event loop tells how late that is.

use std::{
    collections::VecDeque,
    fs,
    num::NonZero,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

/// How often a heart beats.
const BEAT: Duration = Duration::from_millis(50);

/// A beat that is later than this was held up. Timers and a wake-up cost a few milliseconds
/// on an idle machine; deadlines and waits of cases are some hundreds.
const LATE: Duration = Duration::from_millis(100);

/// How many threads may want each processor, on average over a trial. A run of our own keeps
/// about two busy for each: a server and its client.
const MOST_WANTING: f64 = 3.0;

/// How many beats are kept: those of ten minutes, which is longer than any trial.
const MOST_BEATS: usize = 12_000;

/// The record of the heartbeats.
#[derive(Debug, Clone)]
pub struct Lag {
    beats: Arc<Mutex<VecDeque<Beat>>>,
    processors: f64,
    /// Its end ends the heartbeat's thread.
    _running: mpsc::Sender<()>,
}

/// One beat of a heart.
#[derive(Debug, Clone, Copy)]
struct Beat {
    /// When it was due.
    due: Instant,
    /// When it came.
    came: Instant,
    /// How many threads of the system wanted a processor then, where it tells.
    wanting: Option<u32>,
}

impl Lag {
    /// Starts the thread's heartbeat.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start() -> std::io::Result<Self> {
        let (running, stop) = mpsc::channel::<()>();
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let processors = u32::try_from(processors).map_or(f64::MAX, f64::from);
        let lag = Self { beats: Arc::default(), processors, _running: running };
        let beats = Arc::clone(&lag.beats);
        thread::Builder::new().name("heartbeat".to_owned()).spawn(move || {
            let mut due = Instant::now() + BEAT;
            while stop.recv_timeout(due.saturating_duration_since(Instant::now()))
                == Err(mpsc::RecvTimeoutError::Timeout)
            {
                let came = Instant::now();
                keep(&beats, Beat { due, came, wanting: wanting() });
                due = came + BEAT;
            }
        })?;
        Ok(lag)
    }

    /// Beats on the event loop that runs this, for ever.
    pub async fn beat(&self) {
        loop {
            let due = Instant::now() + BEAT;
            tokio::time::sleep_until(due.into()).await;
            keep(&self.beats, Beat { due, came: Instant::now(), wanting: None });
        }
    }

    /// Whether the harness was late, or the machine had too much to do, in the time since then.
    #[must_use]
    pub fn since(&self, start: Instant) -> bool {
        let beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        let mut recent: Vec<Beat> =
            beats.iter().rev().take_while(|beat| beat.came >= start).copied().collect();
        // The next one may be overdue.
        let last = beats.back().map(|beat| beat.came + BEAT);
        recent.extend(last.map(|due| Beat { due, came: Instant::now(), wanting: None }));
        is_lagging(&recent, self.processors)
    }
}

fn keep(beats: &Mutex<VecDeque<Beat>>, beat: Beat) {
    let mut beats = beats.lock().unwrap_or_else(PoisonError::into_inner);
    if beats.len() >= MOST_BEATS {
        beats.pop_front();
    }
    beats.push_back(beat);
}

fn is_lagging(beats: &[Beat], processors: f64) -> bool {
    let is_late = |beat: &Beat| beat.came.saturating_duration_since(beat.due) >= LATE;
    let wanting: Vec<f64> = beats.iter().filter_map(|beat| beat.wanting).map(f64::from).collect();
    let samples = u32::try_from(wanting.len()).map_or(f64::MAX, f64::from);
    let is_full =
        samples > 0.0 && wanting.iter().sum::<f64>() / samples > MOST_WANTING * processors;
    is_full || beats.iter().any(is_late)
}

/// How many threads run or want to, on Linux: the fourth field of `/proc/loadavg` (proc(5)).
fn wanting() -> Option<u32> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().nth(3)?.split_once('/')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_beat_or_a_full_machine_is_lag() {
        let due = Instant::now();
        let beat =
            |late_ms, wanting| Beat { due, came: due + Duration::from_millis(late_ms), wanting };
        for (name, beats, expected) in [
            ("nothing", vec![], false),
            ("in time", vec![beat(1, Some(2)), beat(2, None)], false),
            ("late once", vec![beat(1, Some(2)), beat(100, None)], true),
            (
                "many for a moment",
                vec![beat(1, Some(20)), beat(1, Some(1)), beat(1, Some(1))],
                true,
            ),
            (
                "many for one moment of many",
                [vec![beat(1, Some(20))], vec![beat(1, Some(1)); 9]].concat(),
                false,
            ),
            ("many all the time", vec![beat(1, Some(9)), beat(1, Some(9))], true),
        ] {
            assert_eq!(is_lagging(&beats, 2.0), expected, "{name}");
        }
    }

    #[test]
    fn what_was_late_before_is_past_and_what_is_overdue_is_late() {
        let (now, minute) = (Instant::now(), Duration::from_secs(60));
        // Beats to come, so that none is overdue before the test has ended.
        let start = now + minute;
        let beat = |came, late| Beat { due: came - late, came, wanting: None };
        let (before, after) = (start - BEAT, start + BEAT);
        for (name, beats, since, expected) in [
            ("in time", vec![beat(before, BEAT), beat(after, BEAT)], start, false),
            ("late before", vec![beat(before, LATE), beat(after, BEAT)], start, false),
            ("late since", vec![beat(before, BEAT), beat(after, LATE)], start, true),
            ("overdue", vec![beat(now - BEAT - LATE, BEAT)], now, true),
            ("not begun", vec![], now, false),
        ] {
            let lag = Lag {
                beats: Arc::new(Mutex::new(beats.into())),
                processors: 2.0,
                _running: mpsc::channel().0,
            };
            assert_eq!(lag.since(since), expected, "{name}");
        }
    }
}
