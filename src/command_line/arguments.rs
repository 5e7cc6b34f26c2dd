use std::ffi::OsString;
use std::vec;

use super::failure::UsageError;
use crate::address::Address;

/// One piece of a command line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Argument {
    /// `--name` or `--name=value`.
    Option {
        name: String,
        attached: Option<String>,
    },
    Value(String),
}

/// Tells options from values. Only `--name` is an option, so `-1` and `-inf`
/// are values wherever they stand; after `--`, all are.
pub(super) struct Arguments {
    program: &'static str,
    texts: vec::IntoIter<String>,
    only_values: bool,
}

impl Arguments {
    /// Arguments that are not UTF-8 are wrong in any case, and are shown with
    /// replacement characters by the error that says so.
    pub(super) fn new(
        program: &'static str,
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Self {
        let texts: Vec<String> =
            arguments.into_iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
        Self { program, texts: texts.into_iter(), only_values: false }
    }

    /// The value of an option: what was attached to it, or else the text that
    /// follows, unless that is an option itself.
    pub(super) fn value_of(
        &mut self,
        option: &'static str,
        attached: Option<String>,
    ) -> Result<String, UsageError> {
        attached
            .or_else(|| self.texts.next().filter(|text| !text.starts_with("--")))
            .ok_or(UsageError::NoOptionValue { option, program: self.program })
    }

    /// Like [`value_of`](Self::value_of), for a value that is an address.
    pub(super) fn address_of(
        &mut self,
        option: &'static str,
        attached: Option<String>,
        example: &'static str,
    ) -> Result<Address, UsageError> {
        let text = self.value_of(option, attached)?;
        text.parse().map_err(|_| UsageError::NotAnAddress { option, text, example })
    }

    pub(super) fn unknown_option(&self, option: String) -> UsageError {
        UsageError::UnknownOption { option, program: self.program }
    }

    pub(super) fn unexpected(&self, argument: String) -> UsageError {
        UsageError::UnexpectedArgument { argument, program: self.program }
    }
}

impl Iterator for Arguments {
    type Item = Argument;

    fn next(&mut self) -> Option<Argument> {
        let text = self.texts.next()?;
        if self.only_values || !text.starts_with("--") {
            return Some(Argument::Value(text));
        }
        if text == "--" {
            self.only_values = true;
            return self.next();
        }
        Some(match text.split_once('=') {
            Some((name, value)) => {
                Argument::Option { name: name.to_owned(), attached: Some(value.to_owned()) }
            }
            None => Argument::Option { name: text, attached: None },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_told_from_values() {
        let texts = ["-1", "--addr=a=b", "-inf", "--addr", "--", "--addr", "--"];
        let arguments: Vec<Argument> =
            Arguments::new("client", texts.map(OsString::from)).collect();

        let option = |attached: Option<&str>| Argument::Option {
            name: "--addr".to_owned(),
            attached: attached.map(str::to_owned),
        };
        let value = |text: &str| Argument::Value(text.to_owned());
        let expected = [
            value("-1"),
            option(Some("a=b")),
            value("-inf"),
            option(None),
            value("--addr"),
            value("--"),
        ];
        assert_eq!(arguments, expected);
    }
}
