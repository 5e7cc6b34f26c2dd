//! Any manifest: read or refused, with the place of what is wrong.

#![no_main]

mod files;
mod written;

use std::sync::LazyLock;

use crosswire::manifest::Manifest;
use files::{texts, write};
use libfuzzer_sys::fuzz_target;
use written::{Edit, edited};

static TEXTS: LazyLock<Vec<String>> = LazyLock::new(|| texts("crosswire.toml", "toml"));

fuzz_target!(|edits: Vec<Edit<'_>>| {
    let (_, path) = write("crosswire.toml", &edited(&TEXTS[0], &edits));
    match Manifest::load(&path) {
        Ok(manifest) => assert!(!manifest.peers.is_empty()),
        Err(error) => assert!(error.to_string().starts_with(&*path.to_string_lossy())),
    }
});
