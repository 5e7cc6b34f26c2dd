//! Any list of known failures: read or refused; what was read is asked of a trial.

#![no_main]

mod files;
mod written;

use std::sync::LazyLock;

use crosswire::known::{KnownList, Party};
use files::{texts, write};
use libfuzzer_sys::fuzz_target;
use written::{Edit, edited};

/// Entries of the lists that ship in the binary.
static TEXTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let texts = texts("harness/known", "toml").concat();
    let entries: Vec<&str> = texts.split("[[known]]").skip(1).collect();
    entries.chunks(2).map(|entries| format!("[[known]]{}", entries.join("[[known]]"))).collect()
});

fuzz_target!(|input: (u8, &str, Vec<Edit<'_>>)| {
    let (which, name, edits) = input;
    let text = &TEXTS[usize::from(which) % TEXTS.len()];
    let (_, path) = write("known.toml", &edited(text, &edits));
    match KnownList::load(&path) {
        Ok(list) => {
            let party = Party { peer: name, identity: None };
            for entry in &list.entries {
                let _ = (entry.is_about(name), entry.roles_of(party, party).count());
                let _ = (entry.is_of_each(), entry.whose.to_string());
            }
        }
        Err(error) => assert!(error.to_string().starts_with(&*path.to_string_lossy())),
    }
});
