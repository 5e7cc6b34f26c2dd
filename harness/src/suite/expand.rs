//! The shorthand of suites: long lists, written short.
//!
//! `{"metrics[].value": [1, 2]}` is `{"metrics": [{"value": 1}, {"value": 2}]}`,
//! `{"$repeat": 3, "of": [0, 1]}` in a list is `0, 1, 0, 1, 0, 1`, and
//! `{"$repeat": 3, "of": "ab"}` anywhere is `"ababab"`. `{"$bytes": 6}` is so many zero bytes,
//! as protobuf's JSON has them: `"AAAAAAAA"`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

/// What the repetitions of one value may write out, however they are nested: a slip of a
/// digit must not eat the memory. Four million numbers.
const MAX_REPEATED_BYTES: usize = 4_000_000 * VALUE_BYTES;

/// About what a value takes, and what a field does beside its name and its value.
const VALUE_BYTES: usize = 64;
const FIELD_BYTES: usize = 448;

/// How deep a column may go: as deep as messages are decoded.
const MAX_COLUMN_DEPTH: usize = 100;

/// No text may grow longer: what a client is told must fit in a line of the peer protocol.
const MAX_TEXT_BYTES: usize = 32 << 20;

/// Writes the shorthand out.
///
/// # Errors
/// A repetition or a column is malformed, or there is too much of them; the text names it.
pub(super) fn expand(value: Value) -> Result<Value, String> {
    Budget { left_bytes: MAX_REPEATED_BYTES }.expand(value)
}

/// What repetitions may still write out.
struct Budget {
    left_bytes: usize,
}

impl Budget {
    fn expand(&mut self, value: Value) -> Result<Value, String> {
        match value {
            Value::Array(items) => self.expand_list(items).map(Value::Array),
            Value::Object(fields) if is_text(&fields) => {
                self.repeat_text(&fields).map(Value::String)
            }
            Value::Object(fields) if fields.contains_key("$bytes") => {
                self.zero_bytes(&fields).map(Value::String)
            }
            Value::Object(fields) => self.expand_object(fields).map(Value::Object),
            scalar => Ok(scalar),
        }
    }

    fn expand_list(&mut self, items: Vec<Value>) -> Result<Vec<Value>, String> {
        let mut out = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Value::Object(fields) if fields.contains_key("$repeat") && !is_text(&fields) => {
                    let (times, of) = read_repeat(fields)?;
                    let of = self.expand_list(of)?;
                    self.take(times, of.iter().map(size_bytes).sum())?;
                    for _ in 0..times {
                        out.extend_from_slice(&of);
                    }
                }
                item => out.push(self.expand(item)?),
            }
        }
        Ok(out)
    }

    fn repeat_text(&mut self, fields: &Map<String, Value>) -> Result<String, String> {
        let times = fields.get("$repeat").and_then(Value::as_u64).map(usize::try_from);
        let of = fields.get("of").and_then(Value::as_str).unwrap_or_default();
        let times = match times {
            Some(Ok(times)) if fields.len() == 2 => times,
            _ => return Err("a repeated text is `{ \"$repeat\" = 3, of = \"ab\" }`".to_owned()),
        };
        if of.len().saturating_mul(times) > MAX_TEXT_BYTES {
            return Err(format!("`$repeat` makes a text longer than {MAX_TEXT_BYTES} bytes"));
        }
        self.take(times, of.len())?;
        Ok(of.repeat(times))
    }

    fn zero_bytes(&mut self, fields: &Map<String, Value>) -> Result<String, String> {
        let number = fields.get("$bytes").and_then(Value::as_u64).map(usize::try_from);
        let number = match number {
            Some(Ok(number)) if fields.len() == 1 => number,
            _ => return Err("so many zero bytes are `{ \"$bytes\" = 3 }`".to_owned()),
        };
        // In base64, three bytes are four characters.
        if number > MAX_TEXT_BYTES / 4 * 3 {
            return Err(format!("`$bytes` makes a text longer than {MAX_TEXT_BYTES} bytes"));
        }
        self.take(number, 2)?;
        Ok(STANDARD.encode(vec![0; number]))
    }

    fn expand_object(&mut self, fields: Map<String, Value>) -> Result<Map<String, Value>, String> {
        let mut out = Map::new();
        for (key, value) in fields {
            let value = self.expand(value)?;
            match key.split_once("[].") {
                None => {
                    if out.insert(key.clone(), value).is_some() {
                        return Err(format!("`{key}` is given both whole and as columns"));
                    }
                }
                Some((list, path)) => self
                    .take_column(path, &value)
                    .and_then(|()| add_column(&mut out, list, path, value))
                    .map_err(|problem| format!("`{key}`: {problem}"))?,
            }
        }
        Ok(out)
    }

    /// Takes what the rows of a column make of it.
    fn take_column(&mut self, path: &str, column: &Value) -> Result<(), String> {
        let depth = path.split('.').count();
        if depth > MAX_COLUMN_DEPTH {
            return Err(format!("a column goes at most {MAX_COLUMN_DEPTH} fields deep"));
        }
        let rows = column.as_array().map_or(0, Vec::len);
        self.take(rows, path.len() + depth * (FIELD_BYTES + VALUE_BYTES))
    }

    fn take(&mut self, times: usize, bytes: usize) -> Result<(), String> {
        // Of nothing at all, too: to repeat it takes time.
        let wanted = times.saturating_mul(bytes.max(1));
        match self.left_bytes.checked_sub(wanted) {
            Some(left) => {
                self.left_bytes = left;
                Ok(())
            }
            None => Err(format!(
                "lists written out take more than {MAX_REPEATED_BYTES} bytes; repeat less"
            )),
        }
    }
}

fn is_text(fields: &Map<String, Value>) -> bool {
    fields.contains_key("$repeat") && fields.get("of").is_some_and(Value::is_string)
}

fn read_repeat(mut fields: Map<String, Value>) -> Result<(usize, Vec<Value>), String> {
    let times = fields.remove("$repeat").as_ref().and_then(Value::as_u64);
    match (times.map(usize::try_from), fields.remove("of")) {
        (Some(Ok(times)), Some(Value::Array(of))) if fields.is_empty() => Ok((times, of)),
        _ => Err("a repetition is `{ \"$repeat\" = 3, of = [0, 1] }`".to_owned()),
    }
}

/// About how much memory a value takes.
fn size_bytes(value: &Value) -> usize {
    let content: usize = match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(size_bytes).sum(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| FIELD_BYTES + name.len() + size_bytes(value)).sum()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    };
    VALUE_BYTES + content
}

fn add_column(
    out: &mut Map<String, Value>,
    list: &str,
    path: &str,
    column: Value,
) -> Result<(), String> {
    let Value::Array(column) = column else {
        return Err("a column is a list, with one value for each item".to_owned());
    };
    let rows =
        out.entry(list).or_insert_with(|| vec![Value::Object(Map::new()); column.len()].into());
    let Value::Array(rows) = rows else {
        return Err(format!("`{list}` is given both whole and as columns"));
    };
    if rows.len() != column.len() {
        let (got, want) = (column.len(), rows.len());
        return Err(format!(
            "{got} values beside another column's {want}; columns are equally long"
        ));
    }
    for (row, value) in rows.iter_mut().zip(column) {
        let mut place = row;
        for name in path.split('.') {
            let Value::Object(fields) = place else {
                return Err("one column runs through another's value".to_owned());
            };
            place = fields.entry(name).or_insert_with(|| Value::Object(Map::new()));
        }
        *place = value;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shorthand_is_written_out() {
        for (name, short, long) in [
            ("scalars stay", json!({"a": 1, "b": [1, "x"]}), json!({"a": 1, "b": [1, "x"]})),
            ("column", json!({"m[].v": [1, 2]}), json!({"m": [{"v": 1}, {"v": 2}]})),
            ("empty column", json!({"m[].v": []}), json!({"m": []})),
            (
                "two columns, one nested",
                json!({"m[].v": [1, 2], "m[].t.seconds": [3, 4]}),
                json!({"m": [{"v": 1, "t": {"seconds": 3}}, {"v": 2, "t": {"seconds": 4}}]}),
            ),
            (
                "repetition in a column, nested",
                json!({"m[].v": [{"$repeat": 2, "of": [0, {"$repeat": 2, "of": [1]}]}, 5]}),
                json!({"m": [{"v": 0}, {"v": 1}, {"v": 1}, {"v": 0}, {"v": 1}, {"v": 1}, {"v": 5}]}),
            ),
            ("zero times", json!([{"$repeat": 0, "of": [1]}]), json!([])),
            (
                "zero bytes, in base64",
                json!({"a": {"$bytes": 4}, "b": [{"$bytes": 0}]}),
                json!({"a": "AAAAAA==", "b": [""]}),
            ),
            (
                "repeated text, in a list and beside it",
                json!({"a": {"$repeat": 2, "of": "xy"}, "b": ["k", {"$repeat": 3, "of": "z"}]}),
                json!({"a": "xyxy", "b": ["k", "zzz"]}),
            ),
        ] {
            assert_eq!(expand(short), Ok(long), "{name}");
        }
    }

    #[test]
    fn repetitions_have_a_bound_however_they_are_nested() {
        let nested = |times: u64, of: Value| json!([[{"$repeat": times, "of": [of]}]]);
        let text = json!({"$repeat": 30_000_000, "of": "x"});
        let path = format!("m[].{}", "a.".repeat(30_000));
        for short in [
            json!({"$repeat": 2_000_000, "of": nested(2_000_000, json!(0))}),
            nested(u64::MAX, json!([])),
            nested(3000, nested(3000, json!({"a": 0}))),
            nested(100, text),
            json!({"m[].a": [{"$repeat": 1_000_000, "of": [0]}]}),
            json!({path.as_str(): [0]}),
        ] {
            let short = json!([short]);
            let error = expand(short.clone()).unwrap_err();
            assert!(error.contains("more than") || error.contains("at most"), "{short}: {error}");
        }
    }

    #[test]
    fn malformed_shorthand_is_named() {
        for (short, expected) in [
            (json!([{"$repeat": -1, "of": [1]}]), "a repetition is"),
            (json!([{"$repeat": 2}]), "a repetition is"),
            (json!([{"$repeat": 2, "of": [1], "x": 1}]), "a repetition is"),
            (json!([{"$repeat": 9_000_000, "of": [1]}]), "take more than"),
            (json!({"a": {"$repeat": 99_000_000, "of": "x"}}), "longer than"),
            (json!({"a": {"$repeat": -1, "of": "x"}}), "a repeated text is"),
            (json!({"a": {"$bytes": 99_000_000}}), "longer than"),
            (json!({"a": {"$bytes": -1}}), "so many zero bytes are"),
            (json!({"a": {"$bytes": 1, "of": "x"}}), "so many zero bytes are"),
            (json!({"m[].v": 1}), "a column is a list"),
            (json!({"m[].v": [1], "m[].w": [1, 2]}), "columns are equally long"),
            (json!({"m": 1, "m[].v": [1]}), "both whole and as columns"),
            (json!({"m[].v": [1], "m[].v.x": [1]}), "runs through another's value"),
        ] {
            let error = expand(short.clone()).unwrap_err();
            assert!(error.contains(expected), "{short}: {error}");
        }
    }
}
