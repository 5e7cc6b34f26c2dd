//! What the turns came to.

use std::{io, time::Duration};

use nix::sys::resource::{UsageWho, getrusage};

use super::{COMPARED_WITH, MANY, WAYS, Way};

/// The turns of every way.
#[derive(Default)]
pub(super) struct Table([Vec<Turn>; WAYS.len()]);

struct Turn {
    calls_per_s: f64,
    cpu_us_per_call: f64,
}

impl Table {
    pub(super) fn add(&mut self, way: usize, calls: usize, elapsed: Duration, cpu: Duration) {
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        let calls = calls as f64;
        self.0[way].push(Turn {
            calls_per_s: calls / elapsed.as_secs_f64(),
            cpu_us_per_call: 1e6 * cpu.as_secs_f64() / calls,
        });
    }

    /// Prints the medians. A turn is compared with the turn of the same round.
    pub(super) fn print(&self) {
        println!(
            "{:18}  {:>9}  {:>9}  {:>16}  {:>16}",
            "between", "in flight", "calls/s", "of the forwarder", "our CPU per call"
        );
        for (way, (name, how)) in WAYS.iter().enumerate() {
            let in_flight = match how {
                Way::Beside(_, in_flight) => *in_flight,
                Way::Cell => MANY,
            };
            let turns = &self.0[way];
            let forwarder = &self.0[COMPARED_WITH[way]];
            let shares = turns.iter().zip(forwarder).map(|(a, b)| a.calls_per_s / b.calls_per_s);
            let [low, middle, high] = quartiles(shares.map(|share| 100.0 * share));
            let [_, rate, _] = quartiles(turns.iter().map(|turn| turn.calls_per_s));
            let [_, cpu, _] = quartiles(turns.iter().map(|turn| turn.cpu_us_per_call));
            println!(
                "{name:18}  {in_flight:>9}  {rate:>9.0}  {middle:>4.0} % ({low:.0} to {high:.0})  {cpu:>13.0} us"
            );
        }
    }
}

/// The lower quartile, the median and the upper quartile.
fn quartiles(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values.get(values.len() * quarter / 4).copied().unwrap_or(f64::NAN))
}

/// What this process has used of the processors, its threads included; the peers are
/// not.
pub(super) fn cpu_time() -> io::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let micros = |time: nix::sys::time::TimeVal| time.tv_sec() * 1_000_000 + time.tv_usec();
    let total = micros(usage.user_time()) + micros(usage.system_time());
    Ok(Duration::from_micros(u64::try_from(total).unwrap_or_default()))
}
