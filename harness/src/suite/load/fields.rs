//! The fields that stand side by side in the table of a case.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::suite::{
    call::{CallOptions, WrittenCall},
    case::Case,
    script::WrittenScript,
    table::fields_of,
};

/// The calls of a case that makes several, or one with its fields apart.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct WrittenCalls {
    /// The calls, made at the same time on one connection. What stands on the case itself is
    /// the default of each.
    pub(super) calls: Option<Vec<Map<String, Value>>>,
}

/// Every field that a case may have, beside `each`.
pub(super) fn case_fields() -> Vec<&'static str> {
    [
        fields_of::<Case>(),
        fields_of::<WrittenCalls>(),
        fields_of::<WrittenCall>(),
        fields_of::<CallOptions>(),
        fields_of::<WrittenScript>(),
    ]
    .concat()
}
