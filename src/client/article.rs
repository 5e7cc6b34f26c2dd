use std::time::{Duration, UNIX_EPOCH};

use crate::pb::Metric;
use crate::timestamp;

/// 2020-05-22T14:13:11Z, in seconds since 1970.
const TIME_SECONDS: u64 = 1_590_156_791;

/// The values that stand out, and where.
const OUTLIERS: [(usize, f64); 3] = [(7, 97.3), (113, 92.1), (835, 93.2)];

/// The 1,000 metrics of the article's client, three of them outliers: those at
/// [7 113 835].
///
/// The article draws the other values at random from 0 to 40; these are fixed,
/// so that every client sends the same. All carry the same time, as they do in
/// the article, whose loop drops the result of `t.Add`.
pub fn metrics() -> Vec<Metric> {
    let time = UNIX_EPOCH + Duration::from_secs(TIME_SECONDS);
    let time = timestamp::from_system_time(time).expect("2020 is within the range");
    let mut metrics: Vec<Metric> = (0_u32..1000)
        .map(|index| Metric {
            time: Some(time),
            name: "CPU".to_owned(),
            value: f64::from(index * 7919 % 1000) * 0.04,
        })
        .collect();
    for (index, value) in OUTLIERS {
        metrics[index].value = value;
    }
    metrics
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect;

    #[test]
    fn the_three_outliers_are_detected() {
        let metrics = metrics();
        let values: Vec<f64> = metrics.iter().map(|metric| metric.value).collect();

        assert_eq!(values.len(), 1000);
        assert_eq!(values[..3], [0.0, 919.0 * 0.04, 838.0 * 0.04]);
        let outliers: Vec<usize> = detect::outliers(&values).collect();
        assert_eq!(outliers, [7, 113, 835]);
    }
}
