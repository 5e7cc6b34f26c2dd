//! A long text without its middle.

use super::{Line, Part};
use crate::text::count;

/// How many lines are kept at the start and at the end.
const KEPT_AT_ENDS: usize = 200;

/// How many lines are kept on each side of a violation.
const KEPT_AROUND: usize = 2;

/// The lines without those in the middle, which are counted where they were. What
/// heads a transcript and what is marked stays, with the lines around it.
pub(super) fn middle(lines: Vec<Line>) -> Vec<String> {
    let mut is_kept = vec![false; lines.len()];
    let end = lines.len().saturating_sub(KEPT_AT_ENDS);
    for (index, line) in lines.iter().enumerate() {
        if index < KEPT_AT_ENDS || index >= end || line.part == Part::Heading {
            is_kept[index] = true;
        } else if matches!(line.part, Part::Mark(_)) {
            let around = index.saturating_sub(KEPT_AROUND)..=index + KEPT_AROUND;
            is_kept.iter_mut().take(around.end() + 1).skip(*around.start()).for_each(|k| *k = true);
        }
    }
    let mut kept = Vec::new();
    let mut left_out = 0;
    for (line, is_kept) in lines.into_iter().zip(is_kept) {
        if !is_kept {
            left_out += 1;
            continue;
        }
        kept.extend(gap(&mut left_out));
        kept.push(line.text);
    }
    kept.extend(gap(&mut left_out));
    kept
}

fn gap(left_out: &mut usize) -> Option<String> {
    let count = (*left_out > 0).then(|| count(*left_out, "line"));
    *left_out = 0;
    Some(format!("… {} left out", count?))
}
