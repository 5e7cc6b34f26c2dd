//! Where a case stands in its file, and where in it what is wrong.

use std::path::Path;

use serde_json::Value;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{head::WrittenHead, json_of};
use crate::{
    input::{BadInput, Place},
    suite::{
        problem::{Key, Problem},
        table::fields_of,
    },
};

/// A value of a file of TOML, which knows where each part of it stands.
type Written<'a> = Spanned<DeValue<'a>>;

/// What a suite says of a case, where it stands.
pub(super) enum Origin<'a> {
    /// A table of a file of TOML.
    Table {
        /// The file.
        path: &'a Path,
        /// What is in it.
        text: &'a str,
        /// The case.
        case: &'a Written<'a>,
        /// What the suite's head gives to each case.
        defaults: Option<&'a Written<'a>>,
    },
    /// A line of its own.
    Line {
        /// Which one.
        place: Place,
        /// What is in it.
        text: &'a str,
    },
}

impl Origin<'_> {
    /// Where the case begins.
    pub(super) fn place(&self) -> Place {
        match self {
            Self::Table { path, text, case, .. } => Place::at_offset(path, text, case.span().start),
            Self::Line { place, .. } => place.clone(),
        }
    }

    /// What the index has of it, as it is written; `None` for what only [`Self::value`] can
    /// tell, or say what is wrong with it.
    pub(super) fn head(&self) -> Option<WrittenHead> {
        match self {
            Self::Table { case, .. } => {
                let table = case.get_ref().as_table()?;
                let fields = fields_of::<WrittenHead>().iter().filter_map(|field| {
                    table.get(*field).map(|value| ((*field).to_owned(), json_of(value.get_ref())))
                });
                serde_json::from_value(Value::Object(fields.collect())).ok()
            }
            // The rest of the line is passed over, not kept.
            Self::Line { text, .. } => serde_json::from_str(text).ok(),
        }
    }

    /// All of it.
    ///
    /// # Errors
    /// A line is no JSON.
    pub(super) fn value(&self) -> Result<Value, BadInput> {
        match self {
            Self::Table { case, .. } => Ok(json_of(case.get_ref())),
            Self::Line { place, text } => {
                serde_json::from_str(text).map_err(|error| BadInput::new(place.clone(), error))
            }
        }
    }

    /// The line of what is wrong: of the key, the item or the row that it comes from.
    pub(super) fn place_of(&self, problem: &Problem, row: Option<usize>) -> Place {
        let Self::Table { path, text, case, defaults } = self else { return self.place() };
        let way = &problem.path[..];
        // What a call does not say itself stands on its case, or at the suite's head.
        let of_call = match way {
            [Key::Field(calls), Key::Item(_), _, ..] if calls == "calls" => 2,
            _ => 0,
        };
        let own = walk(case, way);
        let inherited = [Some(*case), *defaults].into_iter().flatten();
        let inherited = inherited.map(|table| walk(table, &way[of_call..]));
        let found = match own.known > of_call {
            true => own,
            false => inherited.into_iter().find(|walk| walk.known > 0).unwrap_or(own),
        };
        let offset = match (found, row) {
            (Walk { column: true, .. }, Some(row)) => {
                walk(case, &[Key::from("each"), Key::Item(row)]).offset
            }
            (walk, _) => walk.offset,
        };
        Place::at_offset(path, text, offset)
    }
}

/// The line of what is at this way in a whole file.
pub(super) fn place_in(path: &Path, text: &str, file: &DeTable<'_>, way: &[Key]) -> Place {
    let found = match way {
        [Key::Field(first), rest @ ..] => {
            file.get(first.as_str()).map(|value| walk(value, rest).offset)
        }
        _ => None,
    };
    Place::at_offset(path, text, found.unwrap_or_default())
}

/// How far a way could be gone.
struct Walk {
    /// Where the last that was found stands.
    offset: usize,
    /// How many of its keys were found.
    known: usize,
    /// Whether it ends at a `$column`, whose value stands in a row.
    column: bool,
}

fn walk(start: &Written<'_>, way: &[Key]) -> Walk {
    let mut found =
        Walk { offset: start.span().start, known: 0, column: is_column(start.get_ref()) };
    let mut value = start;
    for key in way {
        let next = match (key, value.get_ref()) {
            (Key::Field(name), DeValue::Table(table)) => {
                // `"messages[].y"` is a column of the list `messages`.
                let is_it = |written: &str| {
                    written == name
                        || written.split_once("[].").is_some_and(|(list, _)| list == name)
                };
                let entry = table.iter().find(|(written, _)| is_it(written.get_ref()));
                entry.map(|(written, value)| (written.span().start, value))
            }
            (Key::Item(index), DeValue::Array(items)) => {
                item(&items.iter().collect::<Vec<_>>(), *index)
                    .map(|value| (value.span().start, value))
            }
            _ => None,
        };
        let Some((offset, next)) = next else { break };
        value = next;
        found = Walk { offset, known: found.known + 1, column: is_column(value.get_ref()) };
    }
    found
}

fn is_column(value: &DeValue<'_>) -> bool {
    value.as_str().is_some_and(|text| text.contains('$'))
}

/// The item of a list that is written short, with `$repeat`.
fn item<'a>(items: &[&'a Written<'a>], mut index: usize) -> Option<&'a Written<'a>> {
    for written in items {
        let Some((times, of)) = repeated(written) else {
            match index.checked_sub(1) {
                None => return Some(written),
                Some(rest) => index = rest,
            }
            continue;
        };
        let length = count(&of);
        // A number that stands in a row is not known here.
        let Some(times) = times else { return Some(written) };
        match index.checked_sub(length.saturating_mul(times)) {
            None => return item(&of, index % length.max(1)),
            Some(rest) => index = rest,
        }
    }
    None
}

/// How many items a list has, written out.
fn count(items: &[&Written<'_>]) -> usize {
    let one = |written: &&Written<'_>| match repeated(written) {
        None => 1,
        Some((times, of)) => count(&of).saturating_mul(times.unwrap_or(1)),
    };
    items.iter().map(one).sum()
}

/// How often which items come.
fn repeated<'a>(written: &'a Written<'a>) -> Option<(Option<usize>, Vec<&'a Written<'a>>)> {
    let table = written.get_ref().as_table()?;
    let times = table.get("$repeat")?.get_ref();
    let of = table.get("of")?.get_ref().as_array()?;
    let times = times.as_integer().and_then(|times| times.as_str().parse().ok());
    Some((times, of.iter().collect()))
}
