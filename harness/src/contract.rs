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
}

/// A class of statuses that a client may report, which cases name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusClass {
    /// Its name, such as `failed`.
    pub name: String,
    /// The names of the statuses, in the page's order.
    pub statuses: Vec<String>,
}

/// All rules, in the page's order, and the classes that cases name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    /// The rules, in the page's order; ids are unique.
    pub rules: Vec<Rule>,
    /// The classes of statuses; names are unique.
    pub status_classes: Vec<StatusClass>,
}

/// What a table of the page is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Table {
    Rules,
    StatusClasses,
    Other,
}

impl Table {
    fn of(head: &[&str]) -> Self {
        match head {
            ["id", "level", "rule", "source"] => Self::Rules,
            ["class", "statuses", "meaning", "source"] => Self::StatusClasses,
            _ => Self::Other,
        }
    }
}

impl Contract {
    /// Reads the rules from the tables of a page.
    ///
    /// # Errors
    /// The page cannot be read, has no rule, a malformed one, or two of one id.
    pub fn load(path: &Path) -> Result<Self, BadInput> {
        Self::parse(path, &read_text(path)?)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, BadInput> {
        let mut contract = Self { rules: Vec::new(), status_classes: Vec::new() };
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
            contract.add(kind, &cells).map_err(|problem| BadInput::new(place, problem))?;
        }
        if contract.rules.is_empty() {
            let problem = "no rules; they stand in tables headed `| id | level | rule | source |`";
            return Err(BadInput::new(path, problem));
        }
        Ok(contract)
    }

    /// Adds what stands in a line of a table.
    fn add(&mut self, table: Table, cells: &[&str]) -> Result<(), String> {
        match table {
            Table::Rules => {
                let rule = parse_rule(cells)?;
                if self.rule(&rule.id).is_some() {
                    return Err(format!("rule {} is here twice; ids are unique", rule.id));
                }
                self.rules.push(rule);
            }
            Table::StatusClasses => {
                let class = parse_status_class(cells)?;
                if self.status_class(&class.name).is_some() {
                    return Err(format!("class {} is here twice; names are unique", class.name));
                }
                self.status_classes.push(class);
            }
            Table::Other => {}
        }
        Ok(())
    }

    /// The class of statuses of this name.
    #[must_use]
    pub fn status_class(&self, name: &str) -> Option<&StatusClass> {
        self.status_classes.iter().find(|class| class.name == name)
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

fn parse_rule(cells: &[&str]) -> Result<Rule, String> {
    let [id, level, text, source] = cells else {
        return Err(format!("{} cells; a rule has id, level, rule, source", cells.len()));
    };
    let level = match *level {
        "MUST" => Level::Must,
        "SHOULD" => Level::Should,
        other => return Err(format!("level `{other}`; a rule is MUST or SHOULD")),
    };
    if id.is_empty() || text.is_empty() || source.is_empty() {
        return Err("an empty cell; a rule has id, level, rule, source".to_owned());
    }
    Ok(Rule { id: (*id).to_owned(), level, text: (*text).to_owned(), source: (*source).to_owned() })
}

fn parse_status_class(cells: &[&str]) -> Result<StatusClass, String> {
    let [name, statuses, meaning, source] = cells else {
        return Err(format!("{} cells; a class has class, statuses, meaning, source", cells.len()));
    };
    if [name, statuses, meaning, source].iter().any(|cell| cell.is_empty()) {
        return Err("an empty cell; a class has class, statuses, meaning, source".to_owned());
    }
    let statuses = statuses.split(',').map(|status| status.trim().to_owned()).collect();
    Ok(StatusClass { name: name.trim_matches('`').to_owned(), statuses })
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
    fn classes_of_statuses_stand_in_a_table_of_their_own() {
        let class = "| class | statuses | meaning | source |\n| - | - | - | - |\n";
        let page = format!(
            "{HEAD}| A-1 | MUST | a | b |\n\n{class}| `bad` | INTERNAL, UNKNOWN | a | b |\n"
        );
        let contract = parse(&page).unwrap();
        assert_eq!(contract.status_class("bad").unwrap().statuses, ["INTERNAL", "UNKNOWN"]);
        assert_eq!(contract.status_class("good"), None);
        for (row, expected) in [
            (
                "| a | b | c |",
                "contract.md:3: 3 cells; a class has class, statuses, meaning, source",
            ),
            (
                "| a | | c | d |",
                "contract.md:3: an empty cell; a class has class, statuses, meaning, source",
            ),
            (
                "| a | OK | c | d |\n| a | OK | c | d |",
                "contract.md:4: class a is here twice; names are unique",
            ),
        ] {
            assert_eq!(parse(&format!("{class}{row}\n")).unwrap_err().to_string(), expected);
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
