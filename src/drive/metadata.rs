use tonic::metadata::{
    AsciiMetadataKey, BinaryMetadataKey, BinaryMetadataValue, KeyAndValueRef, MetadataMap,
};

use super::protocol::{Refusal, decode_base64, encode_base64};

/// The pairs as metadata, in their order; the value of a `-bin` name is base64.
pub(super) fn parse(pairs: &[(String, String)]) -> Result<MetadataMap, Refusal> {
    let mut metadata = MetadataMap::with_capacity(pairs.len());
    for (name, value) in pairs {
        if !append(&mut metadata, name, value) {
            return Err(Refusal(format!("no metadata: {name:?} = {value:?}")));
        }
    }
    Ok(metadata)
}

/// Whether the pair could be appended.
fn append(metadata: &mut MetadataMap, name: &str, value: &str) -> bool {
    if let Ok(name) = name.parse::<BinaryMetadataKey>() {
        let Ok(bytes) = decode_base64(value) else {
            return false;
        };
        metadata.append_bin(name, BinaryMetadataValue::from_bytes(&bytes));
        return true;
    }
    let (Ok(name), Ok(value)) = (name.parse::<AsciiMetadataKey>(), value.parse()) else {
        return false;
    };
    metadata.append(name, value);
    true
}

/// The metadata as pairs, in its order; the value of a `-bin` name is base64.
pub(super) fn show(metadata: &MetadataMap) -> Vec<(String, String)> {
    metadata.iter().map(show_one).collect()
}

fn show_one(pair: KeyAndValueRef<'_>) -> (String, String) {
    match pair {
        KeyAndValueRef::Ascii(name, value) => {
            // Bytes beyond ASCII may come, and JSON has no way to show them.
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.to_string(), value)
        }
        KeyAndValueRef::Binary(name, value) => {
            // What is not base64, the API shows only as it came.
            let value = match value.to_bytes() {
                Ok(bytes) => encode_base64(&bytes),
                Err(_) => String::from_utf8_lossy(value.as_encoded_bytes()).into_owned(),
            };
            (name.to_string(), value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::codegen::http::{HeaderMap, HeaderValue};

    #[test]
    fn binary_values_are_shown_as_the_api_has_them() {
        let values = [("/w==", "/w=="), ("AA", "AA=="), ("/w,AA==", "/w,AA=="), (" *", " *")];
        for (sent, expected) in values {
            let value = HeaderValue::from_static(sent);
            let headers = HeaderMap::from_iter([("k-bin".parse().expect("a name"), value)]);
            let shown = show(&MetadataMap::from_headers(headers));
            assert_eq!(shown, [("k-bin".to_owned(), expected.to_owned())]);
        }
    }
}
