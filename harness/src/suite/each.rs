//! Cases that differ in a few values, written once.
//!
//! `{"name": "a/$code", "code": "$code", "each": [{"code": 1}, {"code": 2}]}` is
//! `{"name": "a/1", "code": 1}` and `{"name": "a/2", "code": 2}`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::problem::{Problem, Within as _};

/// The shorthand of `expand`, which is no column.
const REPEAT: &str = "$repeat";

/// The cases that one stands for: one for each row of its `each`, or itself. With the
/// row's index, to be said with its errors.
///
/// # Errors
/// `each` is no list of rows, a column is missing or used nowhere, or two rows have one
/// name; the text names the row.
pub(super) fn each(case: Value) -> Result<Vec<(Option<usize>, Value)>, Problem> {
    let Value::Object(mut case) = case else { return Ok(vec![(None, case)]) };
    let rows = match case.shift_remove("each") {
        None => return Ok(vec![(None, Value::Object(case))]),
        Some(Value::Array(rows)) if !rows.is_empty() => rows,
        Some(_) => return Err("give a list of rows, such as `[{ code = 1 }]`").within("each"),
    };
    let case = Value::Object(case);
    let mut names = BTreeSet::new();
    let mut cases = Vec::with_capacity(rows.len());
    for (index, row) in rows.into_iter().enumerate() {
        let filled = of_row(&case, row).within(index).within("each")?;
        if let Some(name) = filled.get("name").and_then(Value::as_str)
            && !names.insert(name.to_owned())
        {
            let problem = format!(
                "an earlier row makes `{name}`, too; put a column that differs into `name`"
            );
            return Err(problem).within(index).within("each");
        }
        cases.push((Some(index), filled));
    }
    Ok(cases)
}

fn of_row(case: &Value, row: Value) -> Result<Value, String> {
    let Value::Object(row) = row else {
        return Err("a row is a table, such as `{ code = 1 }`".to_owned());
    };
    if let Some(column) = row.keys().find(|column| !column.chars().all(is_of_name)) {
        return Err(format!(
            "`{column}` is no column; use lower-case letters, digits and `_`, without a `$`"
        ));
    }
    let mut filler = Filler::new(&row);
    let filled = filler.fill(case)?;
    match row.keys().find(|column| !filler.used.contains(column.as_str())) {
        Some(column) => Err(format!("`{column}` is used nowhere; write `${column}` in its place")),
        None => Ok(filled),
    }
}

const fn is_of_name(character: char) -> bool {
    character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_'
}

/// Puts the values of one row into their places.
pub(super) struct Filler<'a> {
    row: &'a Map<String, Value>,
    used: BTreeSet<&'a str>,
}

impl<'a> Filler<'a> {
    pub(super) const fn new(row: &'a Map<String, Value>) -> Self {
        Self { row, used: BTreeSet::new() }
    }

    fn fill(&mut self, value: &Value) -> Result<Value, String> {
        match value {
            Value::String(text) => match text.strip_prefix('$') {
                // A column alone is its value, of whatever type.
                Some(name) if !name.is_empty() && name.chars().all(is_of_name) => {
                    self.column(name).cloned()
                }
                _ => self.fill_text(text).map(Value::String),
            },
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect(),
            Value::Object(fields) => {
                let mut filled = Map::new();
                for (key, value) in fields {
                    let key = if key == REPEAT { key.clone() } else { self.fill_text(key)? };
                    let value = self.fill(value)?;
                    if filled.insert(key.clone(), value).is_some() {
                        return Err(format!("`{key}` is there twice"));
                    }
                }
                Ok(Value::Object(filled))
            }
            scalar => Ok(scalar.clone()),
        }
    }

    /// A text with the values of its columns.
    ///
    /// # Errors
    /// The row lacks a column, or its value is no part of a text.
    pub(super) fn fill_text(&mut self, text: &str) -> Result<String, String> {
        let mut parts = text.split('$');
        let mut filled = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let end = part.find(|character| !is_of_name(character)).unwrap_or(part.len());
            let (name, rest) = part.split_at(end);
            match self.column(name)? {
                Value::String(text) => filled.push_str(text),
                value @ (Value::Number(_) | Value::Bool(_)) => filled.push_str(&value.to_string()),
                _ => {
                    return Err(format!(
                        "`${name}` stands in a text, and its value is a list or a table"
                    ));
                }
            }
            filled.push_str(rest);
        }
        Ok(filled)
    }

    fn column(&mut self, name: &str) -> Result<&'a Value, String> {
        if name.is_empty() {
            return Err("a `$` without the name of a column, which is of lower-case letters, digits and `_`; a case with `each` has no other".to_owned());
        }
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
                json!({"$x": {"$repeat": "$n", "of": "$x-$x."}, "y": "$e$n", "each": [{"x": "k", "n": 2, "e": ""}]}),
                json!([{"k": {"$repeat": 2, "of": "k-k."}, "y": "2"}]),
            ),
        ] {
            let cases = each(case).unwrap().into_iter().map(|(_, case)| case).collect();
            assert_eq!(Value::Array(cases), expected, "{name}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_row_is_named() {
        for (case, expected) in [
            (json!({"each": []}), "each: give a list of rows"),
            (json!({"each": {"x": 1}}), "each: give a list of rows"),
            (json!({"each": [1]}), "each[0]: a row is a table"),
            (json!({"each": [{"$x": 1}]}), "each[0]: `$x` is no column"),
            (json!({"each": [{"x-y": 1}]}), "each[0]: `x-y` is no column"),
            (json!({"a": "$x", "each": [{"x": 1}, {}]}), "each[1]: no `x` in this row"),
            (json!({"a": "5 $", "each": [{}]}), "each[0]: a `$` without the name of a column"),
            (json!({"a": "$X", "each": [{}]}), "each[0]: a `$` without the name of a column"),
            (json!({"a": "$x", "each": [{"x": 1, "y": 2}]}), "each[0]: `y` is used nowhere"),
            (json!({"a": "n $x", "each": [{"x": []}]}), "its value is a list or a table"),
            (json!({"$x": 1, "each": [{"x": []}]}), "its value is a list or a table"),
            (json!({"$x": 1, "k": 2, "each": [{"x": "k"}]}), "each[0]: `k` is there twice"),
            (
                json!({"name": "n", "a": "$x", "each": [{"x": 1}, {"x": 2}]}),
                "each[1]: an earlier row makes `n`, too",
            ),
        ] {
            let error = each(case.clone()).unwrap_err().to_string();
            assert!(error.contains(expected), "{case}: {error}");
        }
    }
}
