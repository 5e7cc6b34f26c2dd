use std::ffi::OsString;
use std::iter;
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStrExt as _;
use std::str::FromStr;
use std::time::Duration;

use super::failure::UsageError;
use crate::address::NotAnAddress;

/// How long a time of an option may be: up to a day.
const MILLISECONDS: RangeInclusive<u64> = 1..=86_400_000;

/// What the command line of a program may hold beside values and `--help`.
pub(super) struct Grammar {
    pub(super) program: &'static str,
    /// The options without a value.
    pub(super) flags: &'static [&'static str],
    /// The options with one: `--addr X` or `--addr=X`.
    pub(super) valued: &'static [&'static str],
}

/// A command line, taken apart but not yet made sense of.
pub(super) struct Arguments {
    program: &'static str,
    /// The options with their values, which are empty for a flag, in order.
    options: Vec<(String, String)>,
    /// What is no option, in order.
    pub(super) values: Vec<String>,
}

impl Grammar {
    /// Tells options from values, wherever they stand, or returns `None` if the
    /// arguments ask for help, whatever else is wrong with them.
    ///
    /// Only `--name` is an option, so `-1` and `-inf` are values; after `--`, all
    /// are.
    pub(super) fn parse(
        &self,
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Option<Arguments>, UsageError> {
        let program = self.program;
        let texts: Vec<String> = arguments.into_iter().map(text_of).collect();
        if texts.iter().take_while(|text| *text != "--").any(|text| text == "--help") {
            return Ok(None);
        }

        let mut parsed = Arguments { program, options: Vec::new(), values: Vec::new() };
        let mut texts = texts.into_iter();
        while let Some(text) = texts.next() {
            if text == "--" {
                parsed.values.extend(texts);
                break;
            }
            if !text.starts_with("--") {
                parsed.values.push(text);
                continue;
            }
            let (option, attached) = match text.split_once('=') {
                Some((option, value)) => (option.to_owned(), Some(value.to_owned())),
                None => (text, None),
            };
            let value = if self.valued.contains(&option.as_str()) {
                attached.or_else(|| texts.next().filter(|text| !text.starts_with("--")))
            } else if option != "--help" && !self.flags.contains(&option.as_str()) {
                return Err(UsageError::UnknownOption { option, program });
            } else if attached.is_some() {
                return Err(UsageError::FlagWithValue { option, program });
            } else {
                Some(String::new())
            };
            match value {
                Some(value) => parsed.options.push((option, value)),
                None => return Err(UsageError::NoOptionValue { option, program }),
            }
        }
        Ok(Some(parsed))
    }
}

/// An argument that is not UTF-8 is wrong in any case; the error that says so
/// shows each byte that does not belong as a replacement character.
fn text_of(argument: OsString) -> String {
    let chunks = argument.as_bytes().utf8_chunks();
    let replaced = |bytes: &[u8]| iter::repeat_n(char::REPLACEMENT_CHARACTER, bytes.len());
    chunks.flat_map(|chunk| chunk.valid().chars().chain(replaced(chunk.invalid()))).collect()
}

impl Arguments {
    /// Whether the option was given.
    pub(super) fn has(&self, option: &str) -> bool {
        self.options.iter().any(|(given, _)| given == option)
    }

    /// The value that was given to the option; of several the last: who repeats an
    /// option corrects it.
    pub(super) fn last(&self, option: &str) -> Option<&str> {
        let given = self.options.iter().rev().find(|(given, _)| given == option);
        given.map(|(_, value)| value.as_str())
    }

    /// Every value that was given to the option, as an address of the kind that it takes, in
    /// order.
    pub(super) fn all_of<A: FromStr<Err = NotAnAddress>>(
        &self,
        option: &'static str,
        example: &'static str,
    ) -> Result<Vec<A>, UsageError> {
        let given = self.options.iter().filter(|(given, _)| given == option);
        given
            .map(|(_, text)| {
                let text = text.to_owned();
                text.parse().map_err(|_| UsageError::NotAnAddress { option, text, example })
            })
            .collect()
    }

    /// The time that was last given to the option, if any was.
    pub(super) fn milliseconds(
        &self,
        option: &'static str,
    ) -> Result<Option<Duration>, UsageError> {
        let read = |text: &str| {
            let number = text.parse().ok().filter(|number| MILLISECONDS.contains(number));
            let not_a_time = || UsageError::NotATime { option, text: text.to_owned() };
            number.map(Duration::from_millis).ok_or_else(not_a_time)
        };
        self.last(option).map(read).transpose()
    }

    /// Refuses options other than these: what one command of a program takes,
    /// another need not.
    pub(super) fn allow(&self, options: &[&str]) -> Result<(), UsageError> {
        match self.options.iter().find(|(given, _)| !options.contains(&given.as_str())) {
            Some((option, _)) => {
                Err(UsageError::UnknownOption { option: option.to_owned(), program: self.program })
            }
            None => Ok(()),
        }
    }

    /// Refuses values.
    pub(super) fn allow_no_values(&self) -> Result<(), UsageError> {
        match self.values.first() {
            Some(argument) => Err(UsageError::UnexpectedArgument {
                argument: argument.to_owned(),
                program: self.program,
            }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    const GRAMMAR: Grammar =
        Grammar { program: "client", flags: &["--dummy"], valued: &["--addr"] };

    fn parse(texts: &[&str]) -> Result<Option<Arguments>, UsageError> {
        GRAMMAR.parse(texts.iter().map(OsString::from))
    }

    #[test]
    fn options_are_told_from_values() {
        let texts =
            ["-1", "--addr=a=b", "-inf", "--addr", "c", "--dummy", "", "--", "--help", "--"];
        let arguments = parse(&texts).expect("a command line").expect("no call for help");

        let option = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected = [option("--addr", "a=b"), option("--addr", "c"), option("--dummy", "")];
        assert_eq!(arguments.options, expected);
        assert_eq!(arguments.values, ["-1", "-inf", "", "--help", "--"]);
    }

    #[test]
    fn help_wins_wherever_it_stands() {
        let table: [&[&str]; 4] =
            [&["--help", "--foo"], &["--foo", "--help"], &["--addr", "--help"], &["--help", "--"]];
        for texts in table {
            assert!(matches!(parse(texts), Ok(None)), "{texts:?}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_replaced_one_by_one() {
        let argument = OsString::from_vec(b"a\xffb\xe2\x82".to_vec());
        assert_eq!(text_of(argument), "a\u{fffd}b\u{fffd}\u{fffd}");
    }
}
