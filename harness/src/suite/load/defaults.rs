//! What stands at a suite's head for all of its cases.

use serde_json::{Map, Value};

use super::fields::case_fields;
use crate::{
    input::unknown_field,
    suite::{
        expand::expand,
        problem::{Problem, Within as _},
    },
};

/// Each case has its own of these.
const OF_ONE_CASE: [&str; 3] = ["name", "each", "calls"];

/// Fields that stand for one another: who gives one of them does not take the others.
const INSTEAD: [&[&str]; 1] = [&["request", "request_hex", "send"]];

/// Fields for each case that does not give them itself.
#[derive(Debug, Default)]
pub(super) struct Defaults(Map<String, Value>);

impl Defaults {
    /// The table `defaults` of a suite.
    ///
    /// # Errors
    /// It has a field that no case has, or that each must have for itself.
    pub(super) fn read(table: Map<String, Value>) -> Result<Self, Problem> {
        let known = case_fields();
        for field in table.keys() {
            if OF_ONE_CASE.contains(&field.as_str()) {
                let problem = format!("`{field}` among the defaults; each case has its own");
                return Err(Problem::of_field(field, problem)).within("defaults");
            }
            if !known.contains(&field.as_str()) {
                let problem = unknown_field(field, &known);
                return Err(Problem::of_field(field, problem)).within("defaults");
            }
        }
        match expand(Value::Object(table)).within("defaults")? {
            Value::Object(table) => Ok(Self(table)),
            _ => Ok(Self::default()),
        }
    }

    /// The text that stands here for each case that does not give it itself.
    pub(super) fn text(&self, field: &str) -> Option<&str> {
        self.0.get(field).and_then(Value::as_str)
    }

    /// Likewise what stands here as `true` or `false`.
    pub(super) fn flag(&self, field: &str) -> Option<bool> {
        self.0.get(field).and_then(Value::as_bool)
    }

    /// Gives a case what it lacks.
    pub(super) fn fill(&self, case: &mut Map<String, Value>) {
        for (field, value) in &self.0 {
            let gives_other = INSTEAD.iter().any(|alike| {
                alike.contains(&field.as_str()) && alike.iter().any(|one| case.contains_key(*one))
            });
            if !gives_other && !case.contains_key(field) {
                case.insert(field.clone(), value.clone());
            }
        }
    }
}
