//! The documents, and the code that is printed in them.

use std::{env, fs, path::Path};

/// A document with programs in it.
pub(crate) struct Document {
    text: String,
}

impl Document {
    pub(crate) fn read(name: &str) -> Self {
        let folder = env::var_os("CROSSWIRE_SEEDS")
            .expect("CROSSWIRE_SEEDS names no folder with the documents: make test SEEDS=DIR");
        let path = Path::new(&folder).join(name);
        let text = fs::read_to_string(&path);
        Self { text: text.unwrap_or_else(|error| panic!("{}: {error}", path.display())) }
    }

    /// The code of a listing, without the numbers of its lines.
    pub(crate) fn listing(&self, number: usize) -> String {
        let title = format!("**Listing {number}**");
        let mut lines = self.text.lines().skip_while(|line| line.trim_end() != title).skip(1);
        assert_eq!(lines.next(), Some("```"), "no code under {title}");
        (1..)
            .zip(lines.take_while(|line| *line != "```"))
            .map(|(number, line)| format!("{}\n", without_number(number, line)))
            .collect()
    }

    /// The code of every block that is marked with this language.
    pub(crate) fn blocks(&self, language: &str) -> Vec<String> {
        let start = format!("```{language}");
        let mut blocks = Vec::new();
        let mut lines = self.text.lines();
        while lines.any(|line| line == start) {
            let block = lines.by_ref().take_while(|line| *line != "```");
            blocks.push(block.map(|line| format!("{line}\n")).collect());
        }
        blocks
    }
}

/// Takes the number off a line, and the character that parts it from the code: a
/// space, or a tab on one line of the article, and nothing on an empty line.
fn without_number(number: usize, line: &str) -> &str {
    let code = line.strip_prefix(&format!("{number:02}"));
    let code = code.unwrap_or_else(|| panic!("line {number} of a listing reads `{line}`"));
    code.strip_prefix([' ', '\t']).unwrap_or(code)
}

#[test]
fn a_listing_loses_its_numbers_and_keeps_its_indentation() {
    let text = "**Listing 1**\n```\n01 no\n```\n**Listing 2**  \n```\n01 a (\n02\n03     b\n04\t)\n```\n05 no\n";
    let document = Document { text: text.to_owned() };
    assert_eq!(document.listing(2), "a (\n\n    b\n)\n");
}

#[test]
fn blocks_are_those_of_their_language_in_order() {
    let text =
        "```python\na\n\n  b\n```\n```proto\nno\n```\n# no\n```\nno\n```\n```python\n# c\n```\n";
    let document = Document { text: text.to_owned() };
    assert_eq!(document.blocks("python"), ["a\n\n  b\n", "# c\n"]);
}
