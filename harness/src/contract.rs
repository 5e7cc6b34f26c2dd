//! The contract: numbered rules, read from the tables of a Markdown page.
//!
//! The page is the source, so that what people read and what the harness checks
//! cannot drift apart.

use std::{fmt, path::Path};

use crate::input::{BadInput, Place, read_text};

/// How binding a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// A violation fails the trial.
    Must,
    /// A violation fails the trial, and a known failure may excuse it.
    Should,
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
        })
    }
}

/// One sentence of the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name for ever, such as `OUT-1`.
    pub id: String,
    /// How binding it is.
    pub level: Level,
    /// The sentence, in Markdown.
    pub text: String,
    /// Where it comes from.
    pub source: String,
    /// What may come of what it is about, as the page has it; empty where the table has no
    /// such column. [`crate::suite::load`] reads it.
    pub classes: String,
    /// Where it stands.
    pub place: Place,
}

/// A class of outcomes, which rules and cases name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassRow {
    /// Its name, such as `refused`.
    pub name: String,
    /// The outcomes that belong to it, as the page has them.
    pub outcomes: String,
    /// In words, in Markdown.
    pub meaning: String,
    /// Where it comes from.
    pub source: String,
    /// Where it stands.
    pub place: Place,
}

/// All rules, and the classes of outcomes that they name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    /// The rules, in the page's order; ids are unique.
    pub rules: Vec<Rule>,
    /// The classes, in the page's order; names are unique.
    pub classes: Vec<ClassRow>,
}

/// What a table of the page is about.
#[derive(Clone, Copy)]
enum Table {
    Rules { with_classes: bool },
    Classes,
    Other,
}

impl Table {
    fn of(head: &[&str]) -> Self {
        match head {
            ["id", "level", "rule", "source"] => Self::Rules { with_classes: false },
            ["id", "level", "rule", "classes", "source"] => Self::Rules { with_classes: true },
            ["class", "outcomes", "meaning", "source"] => Self::Classes,
            _ => Self::Other,
        }
    }
}

impl Contract {
    /// Reads the rules and the classes of outcomes from the tables of a page.
    ///
    /// # Errors
    /// The page cannot be read, has no rule, a malformed one, or two of one id.
    pub fn load(path: &Path) -> Result<Self, BadInput> {
        Self::parse(path, &read_text(path)?)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, BadInput> {
        let mut contract = Self { rules: Vec::new(), classes: Vec::new() };
        let mut table = None;
        for (index, line) in text.lines().enumerate() {
            let place = Place::File(path.to_owned(), Some(index + 1));
            let Some(cells) = table_cells(line) else {
                table = None;
                continue;
            };
            let Some(kind) = table else {
                table = Some(Table::of(&cells));
                continue;
            };
            if cells.iter().all(|cell| cell.chars().all(|c| c == '-')) {
                continue;
            }
            contract
                .add(kind, &cells, place.clone())
                .map_err(|problem| BadInput::new(place, problem))?;
        }
        if contract.rules.is_empty() {
            let problem = "no rules; they stand in tables headed `| id | level | rule | source |`";
            return Err(BadInput::new(path, problem));
        }
        Ok(contract)
    }

    /// Adds what stands in one line of a table.
    fn add(&mut self, table: Table, cells: &[&str], place: Place) -> Result<(), String> {
        match table {
            Table::Other => {}
            Table::Rules { with_classes } => {
                let rule = parse_rule(cells, with_classes, place)?;
                if self.rule(&rule.id).is_some() {
                    return Err(format!("rule {} is here twice; ids are unique", rule.id));
                }
                self.rules.push(rule);
            }
            Table::Classes => {
                let class = parse_class(cells, place)?;
                if self.classes.iter().any(|known| known.name == class.name) {
                    return Err(format!("class {} is here twice; names are unique", class.name));
                }
                self.classes.push(class);
            }
        }
        Ok(())
    }

    /// The rule of this id.
    #[must_use]
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }
}

fn table_cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(str::trim).collect())
}

fn parse_rule(cells: &[&str], with_classes: bool, place: Place) -> Result<Rule, String> {
    let (id, level, text, classes, source) = match (cells, with_classes) {
        ([id, level, text, source], false) => (id, level, text, &"", source),
        ([id, level, text, classes, source], true) => (id, level, text, classes, source),
        (_, false) => {
            return Err(format!("{} cells; a rule has id, level, rule, source", cells.len()));
        }
        (_, true) => {
            let found = cells.len();
            return Err(format!("{found} cells; a rule has id, level, rule, classes, source"));
        }
    };
    let level = match *level {
        "MUST" => Level::Must,
        "SHOULD" => Level::Should,
        other => return Err(format!("level `{other}`; a rule is MUST or SHOULD")),
    };
    if id.is_empty() || text.is_empty() || source.is_empty() {
        return Err("an empty cell; a rule has id, level, rule, source".to_owned());
    }
    let owned = |cell: &str| cell.to_owned();
    Ok(Rule {
        id: owned(id),
        level,
        text: owned(text),
        source: owned(source),
        classes: owned(classes),
        place,
    })
}

fn parse_class(cells: &[&str], place: Place) -> Result<ClassRow, String> {
    let [name, outcomes, meaning, source] = cells else {
        return Err(format!("{} cells; a class has class, outcomes, meaning, source", cells.len()));
    };
    if cells.iter().any(|cell| cell.is_empty()) {
        return Err("an empty cell; a class has class, outcomes, meaning, source".to_owned());
    }
    Ok(ClassRow {
        name: name.trim_matches('`').to_owned(),
        outcomes: (*outcomes).to_owned(),
        meaning: (*meaning).to_owned(),
        source: (*source).to_owned(),
        place,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "# Page\n\n| id | level | rule | source |\n| --- | --- | --- | --- |\n";

    fn parse(text: &str) -> Result<Contract, BadInput> {
        Contract::parse(Path::new("contract.md"), text)
    }

    #[test]
    fn rules_stand_in_tables_and_other_tables_are_left_alone() {
        let page = format!(
            "{HEAD}| A-1 | MUST | It works. | here |\n\n| a | b |\n| - | - |\n| A-1 | x |\n"
        );
        let contract = parse(&page).unwrap();
        assert_eq!(contract.rules.len(), 1);
        assert_eq!(contract.rule("A-1").unwrap().text, "It works.");
        assert_eq!(contract.rule("A-2"), None);
    }

    #[test]
    fn classes_stand_in_a_table_of_their_own_and_in_a_column_of_rules() {
        let page = format!(
            "{HEAD}| A-1 | MUST | It works. | here |\n\n\
             | class | outcomes | meaning | source |\n| - | - | - | - |\n\
             | `refused` | status, close | It fails. | there |\n\n\
             | id | level | rule | classes | source |\n| - | - | - | - | - |\n\
             | A-2 | MUST | It fails. | `refused` | here |\n\
             | A-3 | MUST | Whatever. | | here |\n"
        );
        let contract = parse(&page).unwrap();
        let class = &contract.classes[0];
        assert_eq!((&*class.name, &*class.outcomes), ("refused", "status, close"));
        assert_eq!(class.place.to_string(), "contract.md:9");
        let classes = |id: &str| contract.rule(id).unwrap().classes.as_str();
        assert_eq!([classes("A-1"), classes("A-2"), classes("A-3")], ["", "`refused`", ""]);
    }

    #[test]
    fn a_bad_class_is_named_with_its_line() {
        let head = "| class | outcomes | meaning | source |\n| - | - | - | - |\n";
        for (rows, expected) in [
            (
                "| a | b | c |",
                "contract.md:3: 3 cells; a class has class, outcomes, meaning, source",
            ),
            ("| a | | c | d |", "contract.md:3: an empty cell; a class has"),
            ("| a | b | c | d |\n| a | b | c | d |", "contract.md:4: class a is here twice"),
        ] {
            let error = parse(&format!("{head}{rows}\n")).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn a_bad_rule_is_named_with_its_line() {
        for (row, expected) in [
            (
                "| A-1 | MUST | It works. |",
                "contract.md:5: 3 cells; a rule has id, level, rule, source",
            ),
            (
                "| A-1 | MAY | It works. | here |",
                "contract.md:5: level `MAY`; a rule is MUST or SHOULD",
            ),
            (
                "| A-1 | MUST | | here |",
                "contract.md:5: an empty cell; a rule has id, level, rule, source",
            ),
            (
                "| A-1 | MUST | a | b |\n| A-1 | MUST | a | b |",
                "contract.md:6: rule A-1 is here twice; ids are unique",
            ),
        ] {
            let error = parse(&format!("{HEAD}{row}\n")).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn a_page_without_rules_is_an_error() {
        assert!(parse("# Nothing\n").is_err());
    }
}
