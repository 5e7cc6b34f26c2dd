//! Which values lie more than two standard deviations from the mean, as NumPy has it
//! (OUT-1), and the ways in which others have it.

use mutants::{mutant::Mutant, planted::planted};

const LANES: usize = 8;
const BLOCK_VALUES: usize = 128;

/// Up to version 2.2, NumPy added so many values at a time.
const OLD_BUFFER_VALUES: usize = 8192;

/// The positions of the outliers.
pub(super) fn outliers(values: &[f64]) -> Vec<usize> {
    let rounded: Vec<f64>;
    let mut values = values;
    if planted(Mutant::Float32) {
        rounded = values.iter().map(|value| f64::from(*value as f32)).collect();
        values = &rounded;
    }
    let kept: Vec<f64> = match () {
        () if planted(Mutant::NanDropped) => {
            values.iter().copied().filter(|value| !value.is_nan()).collect()
        }
        () if planted(Mutant::InfinityDropped) => {
            values.iter().copied().filter(|value| !value.is_infinite()).collect()
        }
        () => values.to_vec(),
    };
    if planted(Mutant::MedianDeviation) {
        return median_outliers(values);
    }
    let (mean, deviation) = moments(&kept);
    let factor = if planted(Mutant::ThreeSigma) { 3.0 } else { 2.0 };
    let reach = factor * deviation;
    let is_outlier = |value: f64| match () {
        () if planted(Mutant::TiesFlagged) => (value - mean).abs() >= reach,
        () if planted(Mutant::AboveOnly) => value - mean > reach,
        () if planted(Mutant::ComparesQuotients) => ((value - mean) / deviation).abs() > factor,
        () => (value - mean).abs() > reach,
    };
    (0..values.len()).filter(|index| is_outlier(values[*index])).collect()
}

/// The mean and the standard deviation of the whole population.
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = sum(values) / count;
    let squares: Vec<f64> = values
        .iter()
        .map(|value| {
            let deviation = value - mean;
            deviation * deviation
        })
        .collect();
    let variance = match () {
        () if planted(Mutant::OnePass) => {
            let squares: Vec<f64> = values.iter().map(|value| value * value).collect();
            sum(&squares) / count - mean * mean
        }
        () if planted(Mutant::Welford) => return welford(values),
        () if planted(Mutant::FusedSquares) => {
            let fused = |sum: f64, value: &f64| (value - mean).mul_add(value - mean, sum);
            values.iter().fold(0.0, fused) / count
        }
        () if planted(Mutant::DdofOne) => sum(&squares) / (count - 1.0),
        () => sum(&squares) / count,
    };
    (mean, variance.sqrt())
}

/// A sum in NumPy's order of additions.
fn sum(values: &[f64]) -> f64 {
    match () {
        () if planted(Mutant::PlainSum) => values.iter().fold(0.0, |sum, value| sum + value),
        () if planted(Mutant::CompensatedSum) => compensated(values),
        () if planted(Mutant::OldNumpySum) => {
            values.chunks(OLD_BUFFER_VALUES).fold(0.0, |sum, block| sum + pairwise(block))
        }
        () => 0.0 + pairwise(values),
    }
}

fn pairwise(values: &[f64]) -> f64 {
    if values.len() > BLOCK_VALUES {
        let half = values.len() / 2;
        let (left, right) = values.split_at(half - half % LANES);
        return pairwise(left) + pairwise(right);
    }
    let (rows, rest) = values.as_chunks::<LANES>();
    let Some((first, others)) = rows.split_first() else {
        return rest.iter().fold(-0.0, |sum, value| sum + value);
    };
    let mut lanes = *first;
    for row in others {
        for (lane, value) in lanes.iter_mut().zip(row) {
            *lane += value;
        }
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    let total = ((a + b) + (c + d)) + ((e + f) + (g + h));
    rest.iter().fold(total, |sum, value| sum + value)
}

/// Neumaier's sum, which is more exact than NumPy's, and so another.
fn compensated(values: &[f64]) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0);
    for value in values {
        let next = sum + value;
        lost += if sum.abs() >= value.abs() { (sum - next) + value } else { (value - next) + sum };
        sum = next;
    }
    sum + lost
}

fn welford(values: &[f64]) -> (f64, f64) {
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for value in values {
        count += 1.0;
        let delta = value - mean;
        mean += delta / count;
        squares += delta * (value - mean);
    }
    (mean, f64::sqrt(squares / count))
}

/// The modified z-score, which the article's prose would fit (OUT-8).
fn median_outliers(values: &[f64]) -> Vec<usize> {
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    let middle = median(values.to_vec());
    let spread = median(values.iter().map(|value| (value - middle).abs()).collect());
    let is_outlier = |value: f64| 0.6745 * (value - middle).abs() > 3.5 * spread;
    (0..values.len()).filter(|index| is_outlier(values[*index])).collect()
}
