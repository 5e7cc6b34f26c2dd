use std::fmt::Display;
use std::io::{self, Write as _};

use super::failure::Failure;

/// Prints one line and flushes it: whoever reads may be waiting for it.
pub(super) fn print_line(line: impl Display) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).map_err(Failure::Output)
}

/// A list as Go prints it: `[1 2 3]`.
pub(super) fn go_list<T: ToString>(items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(T::to_string).collect();
    format!("[{}]", items.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_separated_by_spaces() {
        assert_eq!(go_list::<i32>(&[]), "[]");
        assert_eq!(go_list(&[7, 113, 835]), "[7 113 835]");
    }
}
