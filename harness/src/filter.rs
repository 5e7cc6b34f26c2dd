//! Filters select trials: `server(go) & !client(python) & case(fibonacci/**)`.

use crate::{
    input::BadInput,
    pattern::{BadPattern, Pattern},
};

/// What a filter looks at.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The server's peer.
    pub server: &'a str,
    /// The client's peer.
    pub client: &'a str,
    /// The case, with its suite.
    pub case: &'a str,
    /// The case's rule.
    pub rule: &'a str,
}

/// A parsed filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// Everything.
    All,
    /// One property of the trial.
    Is(Property, Pattern),
    /// The opposite.
    Not(Box<Filter>),
    /// Both.
    And(Box<Filter>, Box<Filter>),
    /// Either.
    Or(Box<Filter>, Box<Filter>),
}

/// A property that a filter can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Property {
    /// The server's peer.
    Server,
    /// The client's peer.
    Client,
    /// The case's name.
    Case,
    /// The id of the rule.
    Rule,
}

impl Filter {
    /// Reads a filter: `server(PATTERN)`, `client(…)`, `case(…)` and `rule(…)`,
    /// joined by `&`, `|`, `!` and parentheses; `and`, `or` and `not` work too.
    ///
    /// # Errors
    /// The text is no filter; the error points at the place.
    pub fn parse(text: &str) -> Result<Self, BadInput> {
        let mut parser = Parser { rest: text, depth: 0 };
        let filter = parser.either().and_then(|filter| {
            parser.skip_space();
            if parser.rest.is_empty() {
                Ok(filter)
            } else {
                Err("expected `&`, `|` or the end".to_owned())
            }
        });
        filter.map_err(|problem| {
            let column = text[..text.len() - parser.rest.len()].chars().count() + 1;
            let place = format!("filter `{text}`, character {column}");
            BadInput::new(place.as_str(), problem)
        })
    }

    /// Whether the filter selects this trial.
    #[must_use]
    pub fn matches(&self, subject: Subject<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Is(property, pattern) => pattern.matches(match property {
                Property::Server => subject.server,
                Property::Client => subject.client,
                Property::Case => subject.case,
                Property::Rule => subject.rule,
            }),
            Self::Not(inner) => !inner.matches(subject),
            Self::And(left, right) => left.matches(subject) && right.matches(subject),
            Self::Or(left, right) => left.matches(subject) || right.matches(subject),
        }
    }
}

impl Filter {
    /// What is left of the filter for the trials of these two; `None` if it selects none of
    /// them, whatever their cases: in a matrix of many peers, most pairs are ruled out so.
    #[must_use]
    pub fn of_pair(&self, server: &str, client: &str) -> Option<Self> {
        let of = |side: &Self| side.of_pair(server, client);
        match self {
            Self::All => Some(Self::All),
            Self::Is(Property::Server, pattern) => pattern.matches(server).then_some(Self::All),
            Self::Is(Property::Client, pattern) => pattern.matches(client).then_some(Self::All),
            Self::Is(Property::Case | Property::Rule, _) => Some(self.clone()),
            Self::Not(inner) => match of(inner) {
                None => Some(Self::All),
                Some(Self::All) => None,
                Some(inner) => Some(Self::Not(Box::new(inner))),
            },
            Self::And(left, right) => Some(match (of(left)?, of(right)?) {
                (Self::All, one) | (one, Self::All) => one,
                (left, right) => Self::And(Box::new(left), Box::new(right)),
            }),
            Self::Or(left, right) => match (of(left), of(right)) {
                (Some(Self::All), _) | (_, Some(Self::All)) => Some(Self::All),
                (Some(left), Some(right)) => Some(Self::Or(Box::new(left), Box::new(right))),
                (one, other) => one.or(other),
            },
        }
    }
}

/// How deep a filter may nest: far beyond what anybody writes, and within any stack.
const MAX_DEPTH: usize = 100;

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn either(&mut self) -> Result<Filter, String> {
        let mut left = self.both()?;
        while self.takes(&["|", "or"]) {
            left = Filter::Or(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Filter, String> {
        let mut left = self.one()?;
        while self.takes(&["&", "and"]) {
            left = Filter::And(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<Filter, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH}"));
        }
        let filter = self.unnested();
        self.depth -= 1;
        filter
    }

    fn unnested(&mut self) -> Result<Filter, String> {
        if self.takes(&["!", "not"]) {
            return Ok(Filter::Not(Box::new(self.one()?)));
        }
        if self.takes(&["("]) {
            let inner = self.either()?;
            return if self.takes(&[")"]) { Ok(inner) } else { Err("expected `)`".to_owned()) };
        }
        for (word, property) in [
            ("server", Property::Server),
            ("client", Property::Client),
            ("case", Property::Case),
            ("rule", Property::Rule),
        ] {
            if self.takes(&[word]) {
                return self.pattern().map(|pattern| Filter::Is(property, pattern));
            }
        }
        Err("expected server(…), client(…), case(…), rule(…), `!` or `(`".to_owned())
    }

    fn pattern(&mut self) -> Result<Pattern, String> {
        if !self.takes(&["("]) {
            return Err("expected `(`".to_owned());
        }
        let end = self.rest.find(')').ok_or("no `)` after this")?;
        let pattern = Pattern::parse(self.rest[..end].trim())
            .map_err(|error: BadPattern| error.to_string())?;
        self.rest = &self.rest[end + 1..];
        Ok(pattern)
    }

    /// Takes one of the tokens; one made of letters must end where it ends.
    fn takes(&mut self, tokens: &[&str]) -> bool {
        self.skip_space();
        for token in tokens {
            let Some(rest) = self.rest.strip_prefix(token) else { continue };
            let is_word = token.chars().all(char::is_alphabetic);
            if is_word && rest.starts_with(char::is_alphanumeric) {
                continue;
            }
            self.rest = rest;
            return true;
        }
        false
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECT: Subject<'_> =
        Subject { server: "go", client: "rust", case: "fibonacci/stream/two", rule: "FIB-4" };

    #[test]
    fn filters_select() {
        for (text, expected) in [
            ("server(go)", true),
            ("server(rust)", false),
            ("client( rust )", true),
            ("case(fibonacci/**)", true),
            ("case(fibonacci/*)", false),
            ("rule(FIB-4)", true),
            ("server(go) & client(go)", false),
            ("server(go) and not client(go)", true),
            ("server(rust) | client(rust)", true),
            // `&` binds tighter than `|`.
            ("server(go) | server(x) & client(x)", true),
            ("(server(go) | server(x)) & client(x)", false),
            ("!(server(go)&client(rust))", false),
            ("!!server(go)", true),
        ] {
            let filter = Filter::parse(text).expect(text);
            assert_eq!(filter.matches(SUBJECT), expected, "{text}");
            let left = filter.of_pair(SUBJECT.server, SUBJECT.client);
            assert_eq!(left.is_some_and(|left| left.matches(SUBJECT)), expected, "{text}");
        }
    }

    #[test]
    fn of_a_pair_only_what_looks_at_the_case_is_left() {
        for (text, expected) in [
            ("server(rust)", None),
            ("server(go)", Some("")),
            ("case(a)", Some("case(a)")),
            ("!case(a)", Some("!case(a)")),
            ("server(rust) & case(a)", None),
            ("server(go) & case(a)", Some("case(a)")),
            ("case(a) & client(go)", None),
            ("case(a) & rule(b) & client(rust)", Some("case(a) & rule(b)")),
            ("server(rust) | case(a)", Some("case(a)")),
            ("case(a) | server(rust)", Some("case(a)")),
            ("case(a) | server(go)", Some("")),
            ("case(a) | rule(b) | client(go)", Some("case(a) | rule(b)")),
            ("server(rust) | client(go) & case(a)", None),
            ("!(server(go) | case(a))", None),
            ("!(server(go) & case(a))", Some("!case(a)")),
            ("!server(rust)", Some("")),
        ] {
            let filter = Filter::parse(text).expect(text);
            let parsed = |text: &str| match text {
                "" => Filter::All,
                text => Filter::parse(text).expect(text),
            };
            assert_eq!(filter.of_pair("go", "rust"), expected.map(parsed), "{text}");
        }
    }

    #[test]
    fn errors_point_at_the_place() {
        for (text, expected) in [
            ("", "character 1: expected server(…)"),
            ("go", "character 1: expected server(…)"),
            ("server", "character 7: expected `(`"),
            ("server(go", "character 8: no `)`"),
            ("server()", "character 8: `` is no pattern"),
            ("server(g*)", "character 8: `g*` is no pattern"),
            ("server(go) client(go)", "character 12: expected `&`, `|` or the end"),
            ("(server(go)", "character 12: expected `)`"),
            ("server(go) &", "character 13: expected server(…)"),
            ("servers(go)", "character 1: expected server(…)"),
            ("case(ä) case(b)", "character 9: expected `&`"),
            (&"!".repeat(100_000), "nested deeper than 100"),
        ] {
            let error = Filter::parse(text).expect_err(text).to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
