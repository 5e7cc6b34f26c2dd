//! Any suite: read or refused. What its shorthand writes out is bounded.

#![no_main]

mod files;
mod written;

use std::sync::LazyLock;

use crosswire::{
    contract::Contract,
    manifest::Manifest,
    suite::{load, load_protos},
};
use files::{root, texts, write};
use libfuzzer_sys::fuzz_target;
use written::{Edit, edited};

const CASE: &str = "[[case]]";

/// How many bytes of a case are edited: the long ones are long lists of numbers.
const MOST_BYTES: usize = 4 << 10;

/// One case each, with the head of its suite.
static TEXTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let texts = texts("harness/suites", "toml");
    let cases = texts.iter().flat_map(|text| {
        let mut parts = text.split(CASE);
        let head = parts.next().unwrap();
        parts.map(move |case| format!("{head}{CASE}{case}"))
    });
    cases.filter(|text| text.len() <= MOST_BYTES).collect()
});

static LOADED: LazyLock<(Manifest, Contract, prost_reflect::DescriptorPool)> =
    LazyLock::new(|| {
        let manifest = Manifest::load(&root().join("crosswire.toml")).unwrap();
        let contract = Contract::load(&manifest.contract).unwrap();
        let protos = load_protos(&manifest.protos).unwrap();
        (manifest, contract, protos)
    });

fuzz_target!(|input: (u16, Vec<Edit<'_>>)| {
    let (which, edits) = input;
    let (manifest, contract, protos) = &*LOADED;
    let text = &TEXTS[usize::from(which) % TEXTS.len()];
    let (folder, _) = write("edited.toml", &edited(text, &edits));
    match load(folder, protos, contract, &manifest.features(), &|_| true) {
        Ok(suites) => {
            let suite = &suites[0];
            assert_eq!(suite.cases.len(), suite.index.len());
        }
        Err(error) => assert!(error.to_string().starts_with(&*folder.to_string_lossy())),
    }
});
