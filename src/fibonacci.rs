//! The Fibonacci sequence, as far as it fits in an `i64`.

use std::iter;

/// How many elements there are: F(0) to F(92). F(93) does not fit in an `i64`.
pub const LENGTH: i64 = 93;

/// The elements in order, from F(0) = 0 to F(92); then the iterator ends,
/// rather than wrap around.
///
/// Each element is computed when it is asked for.
pub fn sequence() -> impl Iterator<Item = i64> + Send {
    let start = (0_i64, Some(1_i64));
    iter::successors(Some(start), |&(current, next)| {
        let next = next?;
        Some((next, current.checked_add(next)))
    })
    .map(|(current, _)| current)
}

/// The first `count` elements, but never fewer than one: the tutorial's
/// generator yields before it tests, and the contract keeps that (FIB-2).
///
/// There are at most [`LENGTH`], whatever `count` says.
pub fn first(count: i64) -> impl Iterator<Item = i64> + Send {
    // At most LENGTH, so it fits in any usize.
    sequence().take(count.clamp(1, LENGTH) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_ends_with_the_last_element_that_fits() {
        let elements: Vec<i64> = sequence().collect();

        assert_eq!(elements.len() as i64, LENGTH);
        assert_eq!(elements[..8], [0, 1, 1, 2, 3, 5, 8, 13]);
        assert_eq!(elements[92], 7_540_113_804_746_346_429);
        assert_eq!(elements[91].checked_add(elements[92]), None);
    }

    #[test]
    fn first_yields_at_least_one_and_at_most_all() {
        let table = [
            (i64::MIN, 1),
            (-1, 1),
            (0, 1),
            (1, 1),
            (2, 2),
            (92, 92),
            (93, 93),
            (94, 93),
            (i64::MAX, 93),
        ];
        for (count, expected) in table {
            assert_eq!(first(count).count(), expected, "first({count})");
            assert_eq!(first(count).next(), Some(0), "first({count})");
        }
    }
}
