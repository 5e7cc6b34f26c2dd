//! Which mutant this process is. A peer is one mutant from its start to its end, and
//! its deviation may stand in any layer, so the answer is one for the whole process.

use std::sync::OnceLock;

use crate::mutant::Mutant;

static PLANTED: OnceLock<Mutant> = OnceLock::new();

/// Makes this process the mutant, once.
pub fn plant(mutant: Mutant) {
    // A second one would be a defect of `main`, which calls this once.
    let _ = PLANTED.set(mutant);
}

/// Whether this process is the mutant: asked at the one place where it deviates.
#[must_use]
pub fn planted(mutant: Mutant) -> bool {
    PLANTED.get() == Some(&mutant)
}
