//! How a call is found again on the wire.

/// The metadata entry that the harness adds to a call and looks for in its request. Its
/// value is a decimal number.
pub const CALL_ENTRY: &str = "x-crosswire-call";
