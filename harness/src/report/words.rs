//! What was found, in sentences. All that reads findings reads their data; these words
//! are for people alone, and no other module has any for a finding.

mod blame;
mod breach;
mod finding;
mod outcome;
mod process;
mod reason;

pub use blame::evidence;
pub use breach::{breach, violation};
pub use finding::{finding, headline};
pub use outcome::stalled;
pub use reason::reason;

use serde_json::Value;

use crate::text::{printable, shorten};

/// How much of a value is shown in a sentence.
const SHOWN_CHARACTERS: usize = 300;

/// A key of a table, without the quotes of JSON.
fn of(value: &Value, key: &str) -> String {
    bare(&value[key])
}

/// A value without the quotes of JSON.
fn bare(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A value that a peer may have sent, on one line and with an end.
fn shown(value: &Value) -> String {
    shorten(&printable(&bare(value)), SHOWN_CHARACTERS)
}

/// A value as a field has it: text is quoted, and nothing is `absent`.
fn field_value(value: &Value) -> String {
    match value {
        Value::Null => "absent".to_owned(),
        Value::String(text) => format!("\"{}\"", shorten(&printable(text), SHOWN_CHARACTERS)),
        other => shown(other),
    }
}

/// Alternatives: `OK or INTERNAL`.
fn any_of(value: &Value) -> String {
    match value {
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(" or "),
        one => shown(one),
    }
}
