//! The JSON schemas of what users write, made from the structs that read it.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::Value;

use crate::{known, manifest, suite};

/// Each schema, with the name of its file.
#[must_use]
pub fn schemas() -> [(&'static str, Value); 3] {
    [
        ("manifest.json", manifest::schema(generator())),
        ("suite.json", suite::schema(generator())),
        ("known.json", known::schema(generator())),
    ]
}

/// Of the draft that editors of TOML know.
fn generator() -> SchemaGenerator {
    SchemaSettings::draft07().into_generator()
}
