//! How much of what was expected and came is kept of a trial, and so stands in its reports.
//! What is cut is said, with how much it was.

use serde_json::{Map, Value};

use crate::text::shorten;

/// How many bytes of values are kept of a trial: so much of each of thousands of trials, all
/// of which a hostile peer may fail, is no burden.
pub(super) const MOST_KEPT_BYTES: usize = 32 << 10;

/// What a value is counted with beside its text.
const VALUE_BYTES: usize = 32;

/// How many characters are kept of each text even where nothing is left.
const LEAST_CHARACTERS: usize = 60;

/// What is left of a trial's share.
#[derive(Debug)]
pub(super) struct Kept {
    left_bytes: usize,
}

impl Default for Kept {
    fn default() -> Self {
        Self { left_bytes: MOST_KEPT_BYTES }
    }
}

impl Kept {
    /// A text, cut if too little is left for it.
    pub(super) fn text(&mut self, text: &str) -> String {
        let most = self.left_bytes.max(LEAST_CHARACTERS);
        self.take(text.len());
        shorten(text, most)
    }

    /// A value, its texts, lists and tables cut if too little is left for them.
    pub(super) fn value(&mut self, value: Value) -> Value {
        self.take(VALUE_BYTES);
        match value {
            Value::String(text) => self.text(&text).into(),
            Value::Array(items) => {
                let all = items.len();
                self.list(all, items.into_iter(), |item| item)
            }
            Value::Object(entries) => {
                let all = entries.len();
                let mut kept = Map::new();
                for (key, value) in entries {
                    if self.is_full() && !kept.is_empty() {
                        kept.insert("…".to_owned(), more(all - kept.len()).into());
                        break;
                    }
                    let key = self.text(&key);
                    let value = self.value(value);
                    kept.insert(key, value);
                }
                kept.into()
            }
            other => other,
        }
    }

    /// A list of so many values, each made only if it is kept.
    pub(super) fn list<I>(
        &mut self,
        all: usize,
        items: impl Iterator<Item = I>,
        mut value: impl FnMut(I) -> Value,
    ) -> Value {
        let mut kept = Vec::new();
        for item in items {
            if self.is_full() && !kept.is_empty() {
                break;
            }
            kept.push(self.value(value(item)));
        }
        if kept.len() < all {
            kept.push(format!("… ({})", more(all - kept.len())).into());
        }
        kept.into()
    }

    const fn is_full(&self) -> bool {
        self.left_bytes == 0
    }

    fn take(&mut self, bytes: usize) {
        self.left_bytes = self.left_bytes.saturating_sub(bytes);
    }
}

fn more(number: usize) -> String {
    format!("{number} more")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cut(left_bytes: usize, value: Value) -> Value {
        Kept { left_bytes }.value(value)
    }

    #[test]
    fn what_fits_is_kept_whole() {
        let value = json!({ "a": [1, "two", null], "b": { "c": 0.5 } });
        assert_eq!(Kept::default().value(value.clone()), value);
    }

    #[test]
    fn what_is_cut_is_counted() {
        let text = "x".repeat(1000);
        let expected = format!("{}… (900 more characters)", &text[..100]);
        assert_eq!(cut(VALUE_BYTES + 100, json!(text)), expected);
        let numbers: Vec<u32> = (0..1000).collect();
        assert_eq!(cut(3 * VALUE_BYTES, json!(numbers)), json!([0, 1, "… (998 more)"]));
        let expected = json!({ "a": 1, "…": "2 more" });
        assert_eq!(cut(VALUE_BYTES, json!({ "a": 1, "b": 2, "c": 3 })), expected);
        // Something is said even of what comes when nothing is left.
        let shown = cut(0, json!(text));
        assert_eq!(shown, format!("{}… (940 more characters)", &text[..60]));
    }

    #[test]
    fn millions_of_values_take_no_more_than_the_share() {
        let value = json!([vec![json!([[], {}, ""]); 100_000], "y".repeat(1 << 20)]);
        let length = Kept::default().value(value).to_string().len();
        assert!(length <= MOST_KEPT_BYTES, "{length}");
    }
}
