//! Classes of outcomes: what the contract lets come of what a rule is about, and whether a
//! case allows as much.

use std::{collections::BTreeMap, fmt};

use super::{Code, ErrorCode};
use crate::{
    contract::{ClassRow, Contract, Rule},
    input::BadInput,
};

/// What may come of something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extent {
    /// The answer to what was asked, with status OK.
    pub is_served: bool,
    /// A status other than OK, whatever the `:status`.
    pub statuses: Allowed<Code>,
    /// An HTTP status other than 200, whatever the `grpc-status`.
    pub http: Allowed<u16>,
    /// RST_STREAM.
    pub resets: Allowed<ErrorCode>,
    /// GOAWAY.
    pub goaways: Allowed<ErrorCode>,
    /// The end of the connection, with GOAWAY before it or without.
    pub is_closed: bool,
    /// The answer of another protocol than gRPC.
    pub is_foreign: bool,
    /// Nothing of all this.
    pub is_silent: bool,
}

/// Which of one kind are allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Allowed<T> {
    /// None.
    #[default]
    Nothing,
    /// One of these.
    These(Vec<T>),
    /// Whatever it is.
    Any,
}

impl<T: Clone + PartialEq> Allowed<T> {
    /// Whether this one is allowed.
    #[must_use]
    pub fn allows(&self, one: &T) -> bool {
        match self {
            Self::Nothing => false,
            Self::These(these) => these.contains(one),
            Self::Any => true,
        }
    }

    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Nothing) => true,
            (_, Self::Any) | (Self::Nothing, _) => false,
            (Self::These(these), Self::These(those)) => those.iter().all(|one| these.contains(one)),
        }
    }

    fn add(&mut self, other: &Self) {
        *self = match (std::mem::take(self), other) {
            (Self::Any, _) | (_, Self::Any) => Self::Any,
            (Self::Nothing, other) => other.clone(),
            (some, Self::Nothing) => some,
            (Self::These(these), Self::These(those)) => {
                Self::These([these, those.clone()].concat())
            }
        };
    }

    /// Lets only these be, if there is one and the kind is allowed at all.
    fn narrow(&mut self, these: &[T]) {
        if *self != Self::Nothing && !these.is_empty() {
            *self = Self::These(these.to_vec());
        }
    }
}

impl Extent {
    /// Of a status that a client reports: one of these.
    #[must_use]
    pub fn of_codes(codes: &[Code]) -> Self {
        let errors: Vec<Code> = codes.iter().copied().filter(|code| *code != Code::OK).collect();
        Self {
            is_served: codes.contains(&Code::OK),
            statuses: if errors.is_empty() { Allowed::Nothing } else { Allowed::These(errors) },
            ..Self::default()
        }
    }

    /// What a client may report of it: a status, if nothing but a refusal came.
    fn reported(&self) -> Self {
        let comes_without_status = self.http != Allowed::Nothing
            || self.resets != Allowed::Nothing
            || self.goaways != Allowed::Nothing
            || self.is_closed
            || self.is_foreign;
        let statuses = if comes_without_status { Allowed::Any } else { self.statuses.clone() };
        Self { is_served: self.is_served, statuses, ..Self::default() }
    }

    /// The same, with each status code by its name: nobody can list the others.
    fn of_named_codes(&self) -> Self {
        let mut statuses = self.statuses.clone();
        if statuses == Allowed::Any {
            statuses = Allowed::These(Code::errors().collect());
        }
        Self { statuses, ..self.clone() }
    }

    /// This or that.
    pub(super) fn add(&mut self, other: &Self) {
        self.is_served |= other.is_served;
        self.statuses.add(&other.statuses);
        self.http.add(&other.http);
        self.resets.add(&other.resets);
        self.goaways.add(&other.goaways);
        self.is_closed |= other.is_closed;
        self.is_foreign |= other.is_foreign;
        self.is_silent |= other.is_silent;
    }

    /// Lets RST_STREAM and GOAWAY have only these codes.
    pub(super) fn narrow_errors(&mut self, errors: &[ErrorCode]) {
        self.resets.narrow(errors);
        self.goaways.narrow(errors);
    }

    fn covers(&self, other: &Self) -> bool {
        self.is_served >= other.is_served
            && self.statuses.covers(&other.statuses)
            && self.http.covers(&other.http)
            && self.resets.covers(&other.resets)
            && self.goaways.covers(&other.goaways)
            && self.is_closed >= other.is_closed
            && self.is_foreign >= other.is_foreign
            && self.is_silent >= other.is_silent
    }
}

/// The outcomes in words, with `or` between them.
impl fmt::Display for Extent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn words<T: ToString>(name: &str, allowed: &Allowed<T>) -> Option<String> {
            match allowed {
                Allowed::Nothing => None,
                Allowed::Any => Some(name.to_owned()),
                Allowed::These(these) => {
                    let these: Vec<String> = these.iter().map(ToString::to_string).collect();
                    Some(format!("{name} {}", these.join(" or ")))
                }
            }
        }
        let parts = [
            self.is_served.then(|| "OK".to_owned()),
            words("status", &self.statuses),
            words("HTTP", &self.http),
            words("RST_STREAM", &self.resets),
            words("GOAWAY", &self.goaways),
            self.is_closed.then(|| "close".to_owned()),
            self.is_foreign.then(|| "other".to_owned()),
            self.is_silent.then(|| "nothing".to_owned()),
        ];
        formatter.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(" or "))
    }
}

/// The classes that a contract defines, and those that its rules name.
#[derive(Debug, Default)]
pub(super) struct Classes {
    extents: BTreeMap<String, Extent>,
    rules: BTreeMap<String, Named>,
}

/// The classes that a rule names.
#[derive(Debug)]
struct Named {
    /// As the page has them.
    text: String,
    /// A rule may be about several situations. Each has its terms.
    situations: Vec<Vec<Term>>,
}

/// A class, of which perhaps only some codes are meant.
#[derive(Debug)]
struct Term {
    class: String,
    extent: Extent,
}

impl Classes {
    /// # Errors
    /// A class or a rule of the page names what there is not.
    pub(super) fn read(contract: &Contract) -> Result<Self, BadInput> {
        let mut classes = Self::default();
        for row in &contract.classes {
            let extent = read_outcomes(row).map_err(|why| BadInput::new(row.place.clone(), why))?;
            classes.extents.insert(row.name.clone(), extent);
        }
        for rule in contract.rules.iter().filter(|rule| !rule.classes.is_empty()) {
            let named =
                classes.read_rule(rule).map_err(|why| BadInput::new(rule.place.clone(), why))?;
            classes.rules.insert(rule.id.clone(), named);
        }
        Ok(classes)
    }

    /// What a class means in a case of this rule: with the codes that the rule gives it.
    ///
    /// # Errors
    /// There is no such class.
    pub(super) fn extent(&self, class: &str, rule: &str) -> Result<Extent, String> {
        let terms = self.rules.get(rule).into_iter().flat_map(|named| &named.situations).flatten();
        let mut extents = terms.filter(|term| term.class == class).map(|term| &term.extent);
        if let Some(first) = extents.next().filter(|first| extents.all(|other| other == *first)) {
            return Ok(first.clone());
        }
        self.extents.get(class).cloned().ok_or_else(|| self.no_class(class))
    }

    fn no_class(&self, class: &str) -> String {
        let known: Vec<&str> = self.extents.keys().map(String::as_str).collect();
        let remedy = if known.is_empty() {
            "the contract has no table of classes (class, outcomes, meaning, source); copy that of Crosswire's own contract".to_owned()
        } else {
            format!("the contract defines {}", known.join(", "))
        };
        format!("`{class}` is no class of outcomes; {remedy}")
    }

    /// The codes that a client may report of a class.
    pub(super) fn codes(&self, class: &str, rule: &str) -> Result<Vec<Code>, String> {
        let extent = self.extent(class, rule)?.reported();
        let ok = extent.is_served.then_some(Code::OK);
        let errors = Code::errors().filter(|code| extent.statuses.allows(code));
        Ok(ok.into_iter().chain(errors).collect())
    }

    /// Whether a case with these outcomes allows what its rule does.
    ///
    /// # Errors
    /// It allows more; or less, and no source of its own says why.
    pub(super) fn check(
        &self,
        rule: &str,
        outcomes: &Extent,
        is_reported: bool,
        has_source: bool,
    ) -> Result<(), String> {
        let Some(named) = self.rules.get(rule) else { return Ok(()) };
        let situations: Vec<Extent> = named
            .situations
            .iter()
            .map(|terms| {
                let mut all = Extent::default();
                terms.iter().for_each(|term| all.add(&term.extent));
                if is_reported { all.reported() } else { all }
            })
            .collect();
        let within: Vec<&Extent> = situations.iter().filter(|all| all.covers(outcomes)).collect();
        let allowed = &named.text;
        if within.is_empty() {
            return Err(format!(
                "the outcomes {outcomes} are not all among those that rule {rule} allows ({allowed}); name its classes, or another rule"
            ));
        }
        let covers = |all: &Extent| {
            outcomes.covers(&if is_reported { all.of_named_codes() } else { all.clone() })
        };
        if has_source || within.iter().any(|all| covers(all)) {
            return Ok(());
        }
        Err(format!(
            "the outcomes {outcomes} are fewer than rule {rule} allows ({allowed}); name its classes, or give the case the `source` that wants these alone"
        ))
    }

    fn read_rule(&self, rule: &Rule) -> Result<Named, String> {
        let read_situation =
            |text: &str| text.split(" or ").map(|term| self.read_term(term)).collect();
        let situations = rule.classes.split(';').map(read_situation);
        Ok(Named { text: rule.classes.clone(), situations: situations.collect::<Result<_, _>>()? })
    }

    /// A class, and the codes of gRPC, of HTTP/2 and of HTTP that are meant.
    fn read_term(&self, text: &str) -> Result<Term, String> {
        let mut words = text.split_whitespace().map(plain);
        let class = words.next().unwrap_or_default();
        let Some(extent) = self.extents.get(class) else {
            return Err(self.no_class(class));
        };
        let (mut statuses, mut errors, mut http) = (Vec::new(), Vec::new(), Vec::new());
        for word in words {
            if let Some(code) = Code::from_name(word) {
                statuses.push(code);
            } else if let Some(error) = ErrorCode::from_name(word) {
                errors.push(error);
            } else if let Ok(status) = word.parse() {
                http.push(status);
            } else {
                return Err(format!(
                    "`{word}` after class `{class}`; a status code, an HTTP/2 error code or an HTTP status"
                ));
            }
        }
        let mut extent = extent.clone();
        extent.statuses.narrow(&statuses);
        extent.http.narrow(&http);
        extent.narrow_errors(&errors);
        Ok(Term { class: class.to_owned(), extent })
    }
}

/// The outcomes of a class, of which the page has a list.
fn read_outcomes(row: &ClassRow) -> Result<Extent, String> {
    let mut extent = Extent::default();
    for outcome in row.outcomes.split(',').map(plain) {
        match outcome {
            "OK" => extent.is_served = true,
            "status" => extent.statuses = Allowed::Any,
            "HTTP" => extent.http = Allowed::Any,
            "RST_STREAM" => extent.resets = Allowed::Any,
            "GOAWAY" => extent.goaways = Allowed::Any,
            "close" => extent.is_closed = true,
            "other" => extent.is_foreign = true,
            "nothing" => extent.is_silent = true,
            code => match Code::from_name(code) {
                Some(code) => extent.statuses.add(&Allowed::These(vec![code])),
                None => {
                    return Err(format!(
                        "`{code}` is no outcome; OK, status, HTTP, RST_STREAM, GOAWAY, close, other, nothing or a status code's name"
                    ));
                }
            },
        }
    }
    Ok(extent)
}

/// A word without Markdown around it.
fn plain(word: &str) -> &str {
    word.trim().trim_matches(['`', ','])
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const PAGE: &str = "\
| class | outcomes | meaning | source |
| - | - | - | - |
| `served` | `OK` | x | y |
| `refused` | status, HTTP, `RST_STREAM`, `GOAWAY`, close | x | y |
| `connection-error` | `GOAWAY`, close | x | y |
| `lost` | `INTERNAL`, `UNAVAILABLE` | x | y |

| id | level | rule | classes | source |
| - | - | - | - | - |
| A-1 | MUST | x | `refused` | y |
| A-2 | MUST | x | `served`; `connection-error` PROTOCOL_ERROR | y |
| A-3 | MUST | x | `served` or `refused` INTERNAL 400 | y |
| A-4 | MUST | x | `lost` | y |
| A-5 | MUST | x | | y |
";

    fn classes(page: &str) -> Result<Classes, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contract.md");
        std::fs::write(&path, page).unwrap();
        let contract = Contract::load(Path::new(&path)).map_err(|error| error.to_string())?;
        Classes::read(&contract).map_err(|error| {
            error.to_string().replace(&format!("{}/", folder.path().display()), "")
        })
    }

    #[test]
    fn a_class_has_the_codes_that_its_rule_gives_it() {
        let classes = classes(PAGE).unwrap();
        for (class, rule, expected) in [
            ("refused", "A-1", "status or HTTP or RST_STREAM or GOAWAY or close"),
            ("refused", "A-3", "status INTERNAL or HTTP 400 or RST_STREAM or GOAWAY or close"),
            ("connection-error", "A-2", "GOAWAY PROTOCOL_ERROR or close"),
            ("connection-error", "A-1", "GOAWAY or close"),
            ("lost", "A-5", "status UNAVAILABLE or INTERNAL"),
        ] {
            let extent = classes.extent(class, rule).unwrap().to_string();
            let sorted = |text: &str| {
                let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
                words.sort();
                words
            };
            assert_eq!(sorted(&extent), sorted(expected), "{class} of {rule}");
        }
        let error = classes.extent("reffused", "A-1").unwrap_err();
        assert_eq!(
            error,
            "`reffused` is no class of outcomes; the contract defines connection-error, lost, refused, served"
        );
        assert_eq!(classes.codes("lost", "A-4").unwrap(), [Code::INTERNAL, Code::UNAVAILABLE]);
        assert_eq!(classes.codes("refused", "A-1").unwrap().len(), 16, "all but OK");
    }

    #[test]
    fn a_case_allows_what_its_rule_does() {
        let classes = classes(PAGE).unwrap();
        let of = |names: &[&str], rule: &str| {
            let mut all = Extent::default();
            names.iter().for_each(|name| all.add(&classes.extent(name, rule).unwrap()));
            all
        };
        let internal = Extent::of_codes(&[Code::INTERNAL]);
        for (rule, outcomes, needs_source, is_allowed) in [
            ("A-1", of(&["refused"], "A-1"), false, true),
            ("A-1", internal.clone(), true, true),
            ("A-1", of(&["served", "refused"], "A-1"), false, false),
            ("A-2", of(&["served"], "A-2"), false, true),
            ("A-2", of(&["connection-error"], "A-2"), false, true),
            ("A-2", of(&["served", "connection-error"], "A-2"), false, false),
            ("A-3", of(&["served", "refused"], "A-3"), false, true),
            ("A-3", of(&["served"], "A-3"), true, true),
            ("A-4", internal.clone(), true, true),
            ("A-5", internal.clone(), false, true),
        ] {
            let with = |has_source| classes.check(rule, &outcomes, false, has_source);
            assert_eq!(with(true).is_ok(), is_allowed, "{rule}: {outcomes}");
            assert_eq!(with(false).is_ok(), is_allowed && !needs_source, "{rule}: {outcomes}");
        }
        assert_eq!(
            classes.check("A-1", &internal, false, false).unwrap_err(),
            "the outcomes status INTERNAL are fewer than rule A-1 allows (`refused`); name its classes, or give the case the `source` that wants these alone"
        );
        assert_eq!(
            classes.check("A-4", &of(&["served"], "A-4"), false, true).unwrap_err(),
            "the outcomes OK are not all among those that rule A-4 allows (`lost`); name its classes, or another rule"
        );
    }

    #[test]
    fn a_client_reports_a_status_of_whatever_came() {
        let classes = classes(PAGE).unwrap();
        let all = Extent::of_codes(&classes.codes("refused", "A-1").unwrap());
        assert!(classes.check("A-1", &all, true, false).is_ok());
        assert!(classes.check("A-1", &Extent::of_codes(&[Code(17)]), true, true).is_ok());
        let ok = Extent::of_codes(&[Code::OK]);
        assert!(classes.check("A-2", &ok, true, false).is_ok());
        let lost = Extent::of_codes(&[Code::INTERNAL, Code::UNAVAILABLE]);
        assert!(classes.check("A-4", &lost, true, false).is_ok());
    }

    #[test]
    fn what_the_page_gets_wrong_is_named_with_its_line() {
        for (from, to, expected) in [
            (
                "`refused` | y",
                "`reffused` | y",
                "contract.md:10: `reffused` is no class of outcomes",
            ),
            ("INTERNAL 400", "INTRENAL", "contract.md:12: `INTRENAL` after class `refused`;"),
            ("`INTERNAL`,", "`INTRENAL`,", "contract.md:6: `INTRENAL` is no outcome; OK, status"),
        ] {
            let error = classes(&PAGE.replacen(from, to, 1)).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
