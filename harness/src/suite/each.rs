//! Cases that differ in a few values, written once.
//!
//! `{"name": "$code", "code": "$code", "each": [{"code": 1}, {"code": 2}]}` is
//! `{"name": "1", "code": 1}` and `{"name": "2", "code": 2}`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// The shorthand of `expand`, which is no column.
const REPEAT: &str = "$repeat";

/// The cases that one stands for: one for each row of its `each`, or itself.
///
/// # Errors
/// `each` is no table of values, a column is missing or used nowhere; the text names it.
pub(super) fn each(case: Value) -> Result<Vec<Value>, String> {
    let Value::Object(mut case) = case else { return Ok(vec![case]) };
    let rows = match case.shift_remove("each") {
        None => return Ok(vec![Value::Object(case)]),
        Some(Value::Array(rows)) if !rows.is_empty() => rows,
        Some(_) => return Err("each: give a list of rows, such as `[{ code = 1 }]`".to_owned()),
    };
    let case = Value::Object(case);
    let of_row = |(index, row)| of_row(&case, row).map_err(|why| format!("each[{index}]: {why}"));
    rows.into_iter().enumerate().map(of_row).collect()
}

fn of_row(case: &Value, row: Value) -> Result<Value, String> {
    let Value::Object(row) = row else {
        return Err("a row is a table, such as `{ code = 1 }`".to_owned());
    };
    let mut filler = Filler { row: &row, used: BTreeSet::new() };
    let filled = filler.fill(case)?;
    match row.keys().find(|column| !filler.used.contains(column.as_str())) {
        Some(column) => Err(format!("`{column}` is used nowhere; write `${column}` in its place")),
        None => Ok(filled),
    }
}

/// Puts the values of one row into their places.
struct Filler<'a> {
    row: &'a Map<String, Value>,
    used: BTreeSet<&'a str>,
}

impl<'a> Filler<'a> {
    fn fill(&mut self, value: &Value) -> Result<Value, String> {
        match value {
            Value::String(text) => self.fill_text(text),
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect(),
            Value::Object(fields) => {
                let mut filled = Map::new();
                for (key, value) in fields {
                    let key = if key == REPEAT { key.clone() } else { self.fill_key(key)? };
                    filled.insert(key, self.fill(value)?);
                }
                Ok(Value::Object(filled))
            }
            scalar => Ok(scalar.clone()),
        }
    }

    fn fill_key(&mut self, key: &str) -> Result<String, String> {
        match self.fill_text(key)? {
            Value::String(key) => Ok(key),
            value => Ok(value.to_string()),
        }
    }

    /// A text that is one column alone becomes its value, of whatever type.
    fn fill_text(&mut self, text: &str) -> Result<Value, String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            let is_of_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            let end = after.find(|c| !is_of_name(c)).unwrap_or(after.len());
            let (name, left) = after.split_at(end);
            let value = self.column(name)?;
            if before.is_empty() && left.is_empty() && filled.is_empty() {
                return Ok(value.clone());
            }
            filled.push_str(before);
            match value {
                Value::String(text) => filled.push_str(text),
                Value::Number(_) | Value::Bool(_) => filled.push_str(&value.to_string()),
                _ => return Err(format!("`${name}` within a text is neither text nor number")),
            }
            rest = left;
        }
        filled.push_str(rest);
        Ok(Value::String(filled))
    }

    fn column(&mut self, name: &str) -> Result<&'a Value, String> {
        let Some((column, value)) = self.row.get_key_value(name) else {
            return Err(format!("no `{name}` in this row, and `${name}` stands for it"));
        };
        self.used.insert(column);
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_row_makes_a_case() {
        for (name, case, expected) in [
            ("none", json!({"a": "$x"}), json!([{"a": "$x"}])),
            (
                "whole values and parts of texts",
                json!({"name": "n/$x", "of": ["$x", {"b": "$y"}], "each": [{"x": 1, "y": [2]}, {"x": "z", "y": null}]}),
                json!([{"name": "n/1", "of": [1, {"b": [2]}]}, {"name": "n/z", "of": ["z", {"b": null}]}]),
            ),
            (
                "names of fields, several in one text",
                json!({"$x": {"$repeat": "$n", "of": "$x-$x."}, "each": [{"x": "k", "n": 2}]}),
                json!([{"k": {"$repeat": 2, "of": "k-k."}}]),
            ),
        ] {
            assert_eq!(each(case).map(Value::Array), Ok(expected), "{name}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_row_is_named() {
        for (case, expected) in [
            (json!({"each": []}), "each: give a list of rows"),
            (json!({"each": {"x": 1}}), "each: give a list of rows"),
            (json!({"each": [1]}), "each[0]: a row is a table"),
            (json!({"a": "$x", "each": [{"x": 1}, {}]}), "each[1]: no `x` in this row"),
            (json!({"a": "5 $", "each": [{}]}), "each[0]: no `` in this row"),
            (json!({"a": "$x", "each": [{"x": 1, "y": 2}]}), "each[0]: `y` is used nowhere"),
            (json!({"a": "n $x", "each": [{"x": []}]}), "`$x` within a text is neither"),
        ] {
            let error = each(case.clone()).unwrap_err();
            assert!(error.contains(expected), "{case}: {error}");
        }
    }
}
