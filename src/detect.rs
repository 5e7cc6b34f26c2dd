//! Which values lie more than two standard deviations from the mean, bit for
//! bit as NumPy answers it.
//!
//! The reference is `np.where(np.abs(x - x.mean()) > 2 * x.std())[0]` on an
//! array of float64, with NumPy 2.3 or later. A sum of floating-point numbers
//! depends on the order of its additions, and a value that lies exactly two
//! standard deviations out (every 1 in data with one 1 to four 0s does) is
//! flagged or not by the last bit of those sums. So the order is part of the
//! contract (OUT-1), and `pairwise_sum` spells it out.
//!
//! Rust never fuses a multiplication with an addition by itself, so the same
//! bits come out whatever the target's instruction set.

/// How many partial sums run side by side; they fill whole vector registers.
const LANES: usize = 8;

/// The most values that are added in one block, without halving.
const BLOCK_VALUES: usize = 128;

/// The positions, counted from 0 and ascending, of the outliers among `values`.
///
/// A position is in the answer if and only if
/// `abs(value - mean) > 2 * standard deviation`, with the deviation of the
/// whole population (ddof 0). There is none when `values` is empty, when it
/// holds a NaN or an infinity, or when its sum or its squared deviations overflow.
///
/// Allocates nothing. Both sums are computed before this returns; the
/// positions are found as the iterator advances.
pub fn outliers(values: &[f64]) -> impl Iterator<Item = usize> + '_ {
    let band = Band::of(values);
    values.chunks(MASK_BITS).enumerate().flat_map(move |(index, chunk)| {
        SetBits(band.mask_beyond(chunk)).map(move |bit| index * MASK_BITS + bit)
    })
}

/// The values that are no outliers: those at most `reach` from `mean`.
#[derive(Clone, Copy)]
struct Band {
    mean: f64,
    reach: f64,
}

impl Band {
    fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = sum(values, |value| value) / count;
        let squares = sum(values, |value| {
            let deviation = value - mean;
            deviation * deviation
        });
        Self { mean, reach: 2.0 * (squares / count).sqrt() }
    }

    /// Bit *i* is set when value *i* of at most [`MASK_BITS`] lies beyond the
    /// band. A comparison with NaN is false, which is what OUT-4 asks for.
    ///
    /// There is no branch, and each bit comes from a table instead of a shift,
    /// so that the compiler compares several values at once.
    fn mask_beyond(self, chunk: &[f64]) -> u64 {
        chunk.iter().zip(&BITS).fold(0, |mask, (value, bit)| {
            let beyond = (value - self.mean).abs() > self.reach;
            mask | if beyond { *bit } else { 0 }
        })
    }
}

const MASK_BITS: usize = u64::BITS as usize;

const BITS: [u64; MASK_BITS] = {
    let mut bits = [0; MASK_BITS];
    let mut position = 0;
    while position < MASK_BITS {
        bits[position] = 1 << position;
        position += 1;
    }
    bits
};

/// The positions of the bits that are set, ascending.
struct SetBits(u64);

impl Iterator for SetBits {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let lowest = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(lowest)
    }
}

/// NumPy's reductions start from 0.0, which turns a sum of -0.0 into 0.0.
fn sum(values: &[f64], term: impl Fn(f64) -> f64 + Copy) -> f64 {
    0.0 + pairwise_sum(values, term)
}

/// The sum of all terms, in NumPy's order: more than [`BLOCK_VALUES`] are halved,
/// the left half a multiple of [`LANES`] long, and the sums of the halves added.
fn pairwise_sum(values: &[f64], term: impl Fn(f64) -> f64 + Copy) -> f64 {
    if values.len() > BLOCK_VALUES {
        let half = values.len() / 2;
        let (left, right) = values.split_at(half - half % LANES);
        return pairwise_sum(left, term) + pairwise_sum(right, term);
    }
    block_sum(values, term)
}

/// The sum of one block: value *i* goes to lane *i* mod [`LANES`], each lane is
/// added up from left to right, then the lanes in pairs of pairs. The values that
/// fill no whole row come last, one by one.
///
/// A block without a whole row starts from -0.0, which changes no value that is
/// added to it, not even another -0.0.
fn block_sum(values: &[f64], term: impl Fn(f64) -> f64 + Copy) -> f64 {
    let (rows, rest) = values.as_chunks::<LANES>();
    let Some((first, others)) = rows.split_first() else {
        return rest.iter().fold(-0.0, |sum, &value| sum + term(value));
    };
    let mut lanes = first.map(term);
    for row in others {
        for (lane, &value) in lanes.iter_mut().zip(row) {
            *lane += term(value);
        }
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    let total = ((a + b) + (c + d)) + ((e + f) + (g + h));
    rest.iter().fold(total, |sum, &value| sum + term(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(values: &[f64]) -> Vec<usize> {
        outliers(values).collect()
    }

    #[test]
    fn answers_what_numpy_answers() {
        const INFINITY: f64 = f64::INFINITY;
        let table: [(&str, &[f64], &[usize]); 17] = [
            ("the article's", &[1.0, 2.0, 100.0, 1.0, 3.0, 200.0, 1.0], &[5]),
            ("none", &[], &[]),
            ("one", &[5.0], &[]),
            ("two", &[0.0, 100.0], &[]),
            ("all equal", &[0.1; 10], &[]),
            ("negative zeros", &[-0.0; 6], &[]),
            ("four cannot", &[0.0, 0.0, 0.0, 1e9], &[]),
            ("six must, below", &[0.0, 0.0, 0.0, 0.0, 0.0, -7.5], &[5]),
            ("the first of six", &[7.5, 0.0, 0.0, 0.0, 0.0, 0.0], &[0]),
            ("a NaN", &[0.0, 0.0, 0.0, f64::NAN, 0.0, 9.0, 0.0], &[]),
            ("an infinity", &[0.0, 0.0, 0.0, 0.0, 0.0, INFINITY], &[]),
            ("both infinities", &[0.0, -INFINITY, 0.0, 0.0, 0.0, INFINITY], &[]),
            ("the sum overflows", &[1e308, 1e308, 1e308, 1e308, 1e308, 0.0], &[]),
            ("the squares overflow", &[0.0, 0.0, 0.0, 0.0, 0.0, 1e155], &[]),
            ("the squares just fit", &[0.0, 0.0, 0.0, 0.0, 0.0, 1e153], &[5]),
            ("the squares underflow", &[1e-170, 2e-170], &[0, 1]),
            ("subnormal", &[5e-324, 5e-324, 5e-324, 5e-324, 5e-324, 1e-323], &[5]),
        ];
        for (name, values, expected) in table {
            assert_eq!(found(values), expected, "{name}");
        }
    }

    #[test]
    fn rounding_decides_the_tie_of_five() {
        let flagged: Vec<u32> =
            (1..300).filter(|&x| found(&[0.0, 0.0, 0.0, 0.0, x.into()]) == [4]).collect();
        assert_eq!(flagged, [109, 218, 289]);
    }

    #[test]
    fn position_decides_the_tie_of_five() {
        let flagged: Vec<usize> = (0..5)
            .filter(|&position| {
                let mut values = [0.1; 5];
                values[position] = 0.3;
                found(&values) == [position]
            })
            .collect();
        assert_eq!(flagged, [0, 1, 2, 4]);
    }

    /// Every fifth value is `odd`, the others are 0: all odd ones lie exactly two
    /// standard deviations out. The verdicts are NumPy 2.4's; a loop from left
    /// to right, or NumPy's order of before 2.3, gets several of them wrong.
    #[test]
    fn rounding_decides_larger_ties() {
        let table = [
            (10, 0.1, false),
            (25, 0.3, false),
            (55, 1.0, true),
            (60, 1.0, false),
            (130, 1.0, false),
            (395, 1.0, false),
            (1_000, 1.0, false),
            (1_000, 3.0, true),
            (10_000, 0.3, false),
            (12_000, 0.1, true),
            (12_000, 0.3, false),
            (12_000, 0.7, true),
            (24_590, 0.1, true),
            (24_590, 0.3, false),
            (30_000, 0.7, false),
        ];
        for (length, odd, is_flagged) in table {
            let values: Vec<f64> =
                (0..length).map(|index| if index % 5 == 0 { odd } else { 0.0 }).collect();
            let expected: Vec<usize> =
                if is_flagged { (0..length).step_by(5).collect() } else { Vec::new() };
            assert_eq!(found(&values), expected, "{length} values, {odd}");
        }
    }

    /// The definition, without regard to speed.
    fn reference(values: &[f64]) -> (f64, f64, Vec<usize>) {
        fn pairwise(values: &[f64]) -> f64 {
            let length = values.len();
            if length < 8 {
                return values.iter().fold(-0.0, |sum, value| sum + value);
            }
            if length > 128 {
                let half = length / 2 / 8 * 8;
                return pairwise(&values[..half]) + pairwise(&values[half..]);
            }
            let whole = length / 8 * 8;
            let lane = |first: usize| {
                (first + 8..whole).step_by(8).fold(values[first], |sum, index| sum + values[index])
            };
            let left = (lane(0) + lane(1)) + (lane(2) + lane(3));
            let right = (lane(4) + lane(5)) + (lane(6) + lane(7));
            values[whole..].iter().fold(left + right, |sum, value| sum + value)
        }

        let count = values.len() as f64;
        let mean = (0.0 + pairwise(values)) / count;
        let deviations = values.iter().map(|value| value - mean);
        let squares: Vec<f64> = deviations.map(|deviation| deviation * deviation).collect();
        let reach = 2.0 * ((0.0 + pairwise(&squares)) / count).sqrt();
        let indices =
            (0..values.len()).filter(|&index| (values[index] - mean).abs() > reach).collect();
        (mean, reach, indices)
    }

    #[test]
    fn every_length_agrees_with_the_definition() {
        let mut random = Random(1);
        let long = [8_191, 8_192, 8_193, 16_383, 16_385, 20_000, 100_003];
        for length in (1..=2_000).chain(long) {
            let uniform: Vec<f64> = (0..length).map(|_| random.below(1 << 53) as f64).collect();
            let ties: Vec<f64> =
                (0..length).map(|_| if random.below(5) == 0 { 0.1 } else { -0.0 }).collect();
            let mixed: Vec<f64> = (0..length)
                .map(|_| {
                    (random.below(2_001) as f64 - 1_000.0) * 10_f64.powi(random.below(20) as i32)
                })
                .collect();
            for values in [uniform, ties, mixed] {
                let band = Band::of(&values);
                let (mean, reach, indices) = reference(&values);
                assert_eq!(band.mean.to_bits(), mean.to_bits(), "mean of {length}");
                assert_eq!(band.reach.to_bits(), reach.to_bits(), "reach of {length}");
                assert_eq!(found(&values), indices, "outliers of {length}");
            }
        }
    }

    /// A linear congruential generator: the same numbers on every run.
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (self.0 >> 11) % limit
        }
    }
}
