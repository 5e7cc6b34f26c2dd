//! How long messages may be.

use mutants::{mutant::Mutant, planted::planted};

use super::status::{Status, code};

/// What gRPC takes by default.
pub(crate) const MAX_MESSAGE_BYTES: usize = 4 << 20;

/// Whether a longer one is refused.
pub(crate) fn has_limit() -> bool {
    !planted(Mutant::LimitsNoSize) && !planted(Mutant::TakesLongMessages)
}

/// The status of a message that is longer.
pub(crate) fn too_long() -> Status {
    let text = format!("a message of more than {MAX_MESSAGE_BYTES} bytes");
    Status::new(code::RESOURCE_EXHAUSTED, text)
}
