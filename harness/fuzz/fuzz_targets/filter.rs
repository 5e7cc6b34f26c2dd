//! Any filter: read or refused; what was read selects some trials, as soon as it is asked.

#![no_main]

mod written;

use crosswire::filter::{Filter, Subject};
use libfuzzer_sys::fuzz_target;
use written::{Edit, edited};

const TEXT: &str =
    "server(go) & !client(python|rust) | (case(**/a/*/b/**) and not rule(H2-21)) or case(*/**)";

/// The name of a case.
const NAME: &str = "a/b/a/b/c";

fuzz_target!(|input: (Vec<Edit<'_>>, Vec<Edit<'_>>)| {
    let (edits, of_name) = input;
    let name = &edited(NAME, &of_name);
    let Ok(filter) = Filter::parse(&edited(TEXT, &edits)) else { return };
    let subject = Subject { server: name, client: "go", case: name, rule: "H2-21" };
    // A pair that cannot match has no trial that does.
    let of_pair = filter.of_pair(name, "go");
    assert_eq!(of_pair.is_some_and(|left| left.matches(subject)), filter.matches(subject));
});
