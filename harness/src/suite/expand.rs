//! The shorthand of suites: long lists, written short.
//!
//! `{"metrics[].value": [1, 2]}` is `{"metrics": [{"value": 1}, {"value": 2}]}`,
//! `{"$repeat": 3, "of": [0, 1]}` in a list is `0, 1, 0, 1, 0, 1`, and
//! `{"$repeat": 3, "of": "ab"}` anywhere is `"ababab"`.

use serde_json::{Map, Value};

/// No list of a suite may grow longer: a slip of a digit must not eat the memory.
const MAX_ITEMS: usize = 4_000_000;

/// And no text: what a client is told must fit in a line of the peer protocol.
const MAX_TEXT_BYTES: usize = 32 << 20;

/// Writes the shorthand out.
///
/// # Errors
/// A repetition or a column is malformed; the text names it.
pub(super) fn expand(value: Value) -> Result<Value, String> {
    match value {
        Value::Array(items) => expand_list(items).map(Value::Array),
        Value::Object(fields) if is_text(&fields) => repeat_text(&fields).map(Value::String),
        Value::Object(fields) => expand_object(fields).map(Value::Object),
        scalar => Ok(scalar),
    }
}

fn expand_list(items: Vec<Value>) -> Result<Vec<Value>, String> {
    let mut out = Vec::with_capacity(items.len());
    for item in items {
        match item {
            Value::Object(fields) if fields.contains_key("$repeat") && !is_text(&fields) => {
                let (times, of) = read_repeat(fields)?;
                let of = expand_list(of)?;
                if out.len() + of.len().saturating_mul(times) > MAX_ITEMS {
                    return Err(format!("`$repeat` makes a list longer than {MAX_ITEMS} items"));
                }
                for _ in 0..times {
                    out.extend_from_slice(&of);
                }
            }
            item => out.push(expand(item)?),
        }
    }
    Ok(out)
}

fn is_text(fields: &Map<String, Value>) -> bool {
    fields.contains_key("$repeat") && fields.get("of").is_some_and(Value::is_string)
}

fn repeat_text(fields: &Map<String, Value>) -> Result<String, String> {
    let times = fields.get("$repeat").and_then(Value::as_u64).map(usize::try_from);
    let of = fields.get("of").and_then(Value::as_str).unwrap_or_default();
    match times {
        Some(Ok(times)) if fields.len() == 2 => match of.len().checked_mul(times) {
            Some(length) if length <= MAX_TEXT_BYTES => Ok(of.repeat(times)),
            _ => Err(format!("`$repeat` makes a text longer than {MAX_TEXT_BYTES} bytes")),
        },
        _ => Err("a repeated text is `{ \"$repeat\" = 3, of = \"ab\" }`".to_owned()),
    }
}

fn read_repeat(mut fields: Map<String, Value>) -> Result<(usize, Vec<Value>), String> {
    let times = fields.remove("$repeat").as_ref().and_then(Value::as_u64);
    match (times.map(usize::try_from), fields.remove("of")) {
        (Some(Ok(times)), Some(Value::Array(of))) if fields.is_empty() => Ok((times, of)),
        _ => Err("a repetition is `{ \"$repeat\" = 3, of = [0, 1] }`".to_owned()),
    }
}

fn expand_object(fields: Map<String, Value>) -> Result<Map<String, Value>, String> {
    let mut out = Map::new();
    for (key, value) in fields {
        let value = expand(value)?;
        match key.split_once("[].") {
            None => {
                if out.insert(key.clone(), value).is_some() {
                    return Err(format!("`{key}` is given both whole and as columns"));
                }
            }
            Some((list, path)) => add_column(&mut out, list, path, value)
                .map_err(|problem| format!("`{key}`: {problem}"))?,
        }
    }
    Ok(out)
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
                "repeated text, in a list and beside it",
                json!({"a": {"$repeat": 2, "of": "xy"}, "b": ["k", {"$repeat": 3, "of": "z"}]}),
                json!({"a": "xyxy", "b": ["k", "zzz"]}),
            ),
        ] {
            assert_eq!(expand(short), Ok(long), "{name}");
        }
    }

    #[test]
    fn malformed_shorthand_is_named() {
        for (short, expected) in [
            (json!([{"$repeat": -1, "of": [1]}]), "a repetition is"),
            (json!([{"$repeat": 2}]), "a repetition is"),
            (json!([{"$repeat": 2, "of": [1], "x": 1}]), "a repetition is"),
            (json!([{"$repeat": 9_000_000, "of": [1]}]), "longer than"),
            (json!({"a": {"$repeat": 99_000_000, "of": "x"}}), "longer than"),
            (json!({"a": {"$repeat": -1, "of": "x"}}), "a repeated text is"),
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
