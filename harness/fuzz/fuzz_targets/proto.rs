//! Any `.proto` file: compiled or refused.

#![no_main]

mod files;
mod written;

use std::sync::LazyLock;

use crosswire::suite::load_protos;
use files::{texts, write};
use libfuzzer_sys::fuzz_target;
use written::{Edit, edited};

static TEXTS: LazyLock<Vec<String>> = LazyLock::new(|| texts("proto", "proto"));

fuzz_target!(|input: (u8, Vec<Edit<'_>>)| {
    let (which, edits) = input;
    let text = &TEXTS[usize::from(which) % TEXTS.len()];
    let (folder, _) = write("edited.proto", &edited(text, &edits));
    match load_protos(folder) {
        Ok(pool) => assert!(pool.get_file_by_name("edited.proto").is_some()),
        Err(error) => assert!(error.to_string().starts_with(&*folder.to_string_lossy())),
    }
});
