//! Custom metadata: names with values, and base64 for those that end in `-bin`.

use base64::{
    Engine as _,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use crosswire_http2::hpack::Field;
use mutants::{mutant::Mutant, planted::planted};

use crate::http2::Fields;

const EITHER: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const PADDED: GeneralPurpose = GeneralPurpose::new(&STANDARD, EITHER);
const UNPADDED: GeneralPurpose = GeneralPurpose::new(&STANDARD, EITHER.with_encode_padding(false));
const OTHER_ALPHABET: GeneralPurpose =
    GeneralPurpose::new(&URL_SAFE, EITHER.with_encode_padding(false));

/// The base64 that is written.
pub(crate) fn encoder() -> GeneralPurpose {
    match () {
        () if planted(Mutant::PadsBase64) => PADDED,
        () if planted(Mutant::OtherBase64) => OTHER_ALPHABET,
        () => UNPADDED,
    }
}

/// The bytes of a `-bin` value.
pub(crate) fn decode(value: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = PADDED.decode(value).ok()?;
    if planted(Mutant::BinaryAsCString) {
        // As whoever keeps them in a string that ends with a zero.
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        bytes.truncate(end);
    }
    if planted(Mutant::BinaryAsText) {
        bytes = String::from_utf8_lossy(&bytes).into_owned().into_bytes();
    }
    Some(bytes)
}

pub(crate) fn is_binary(name: &str) -> bool {
    name.ends_with("-bin")
}

/// One entry: its bytes as the application sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) value: Vec<u8>,
}

/// The entries that fields carry. What belongs to HTTP/2 and gRPC is none of them.
pub(crate) fn read(fields: &[Field]) -> Vec<Entry> {
    let mut entries = Vec::new();
    for field in fields {
        let Ok(name) = std::str::from_utf8(&field.name) else { continue };
        let is_ours = matches!(name, "te" | "content-type") || name.starts_with("grpc-");
        if is_ours || name.starts_with(':') {
            continue;
        }
        let mut add = |value: Vec<u8>| entries.push(Entry { name: name.to_owned(), value });
        if !is_binary(name) {
            add(field.value.to_vec());
            continue;
        }
        for part in field.value.split(|byte| *byte == b',') {
            // What is no base64 is left out, as there is nothing to be shown of it.
            if let Some(bytes) = decode(part.trim_ascii()) {
                add(bytes);
            }
        }
    }
    deviate(entries)
}

fn deviate(mut entries: Vec<Entry>) -> Vec<Entry> {
    if planted(Mutant::SortsDuplicates) {
        entries.sort_by(|a, b| (&a.name, &a.value).cmp(&(&b.name, &b.value)));
    }
    if planted(Mutant::KeepsLastDuplicate) {
        let all = entries.clone();
        let mut index = 0;
        entries.retain(|entry| {
            index += 1;
            all[index..].iter().all(|later| later.name != entry.name)
        });
    }
    if planted(Mutant::DropsEmptyValues) {
        entries.retain(|entry| !entry.value.is_empty() || is_binary(&entry.name));
    }
    if planted(Mutant::JoinsWithBlanks) {
        let mut joined: Vec<Entry> = Vec::new();
        for entry in entries {
            let same = joined.iter_mut().find(|one| one.name == entry.name);
            match same.filter(|_| !is_binary(&entry.name)) {
                Some(one) => one.value.extend([b", ", &entry.value[..]].concat()),
                None => joined.push(entry),
            }
        }
        entries = joined;
    }
    if planted(Mutant::DropsOddNames) {
        entries.retain(|entry| !entry.name.contains(['_', '.']));
    }
    entries
}

/// The fields that carry entries.
pub(crate) fn write(entries: &[Entry]) -> Fields {
    let has_blanks = planted(Mutant::JoinsWithBlanks);
    let is_joined = planted(Mutant::JoinsDuplicates) || has_blanks;
    let mut fields = Fields::new();
    for Entry { name, value } in entries {
        let value = match () {
            () if !is_binary(name) || planted(Mutant::BinaryAsItIs) => value.clone(),
            () => encoder().encode(value).into_bytes(),
        };
        let comma: &[u8] = if has_blanks { b", " } else { b"," };
        let same = fields.iter_mut().find(|(known, _)| is_joined && known == name);
        match same {
            Some((_, values)) => values.extend([comma, &value[..]].concat()),
            None => fields.push((name.clone(), value)),
        }
    }
    fields
}
