//! The head of a case as it is written: what the index has of it.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::suite::each::Filler;

/// The fields of a case's table that decide what its head is. What else stands there is not
/// read.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct WrittenHead {
    pub(super) name: String,
    pub(super) rule: Option<String>,
    pub(super) scripted: Option<String>,
    pub(super) own_pair: Option<bool>,
    each: Option<Vec<Map<String, Value>>>,
}

impl WrittenHead {
    /// One for each row of its `each`, or itself; `None` if there is no row, or one that does
    /// not fill it.
    pub(super) fn rows(mut self) -> Option<Vec<Self>> {
        match self.each.take() {
            None => Some(vec![self]),
            Some(rows) if rows.is_empty() => None,
            Some(rows) => rows.iter().map(|row| self.of_row(row)).collect(),
        }
    }

    fn of_row(&self, row: &Map<String, Value>) -> Option<Self> {
        let fill = |text: &String| Filler::new(row).fill_text(text).ok();
        let fill_if_any = |text: &Option<String>| match text {
            None => Some(None),
            Some(text) => fill(text).map(Some),
        };
        Some(Self {
            name: fill(&self.name)?,
            rule: fill_if_any(&self.rule)?,
            scripted: fill_if_any(&self.scripted)?,
            own_pair: self.own_pair,
            each: None,
        })
    }
}
