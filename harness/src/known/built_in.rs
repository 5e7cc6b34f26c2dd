//! What is known of public libraries. It ships in the binary, so that whoever runs one of
//! them sees at once what is known of it.

use std::path::Path;

use super::KnownList;
use crate::input::BadInput;

/// The lists, each with its file's name below `harness/known`.
const FILES: [(&str, &str); 13] = [
    ("grpc-core.toml", include_str!("../../known/grpc-core.toml")),
    ("grpcio.toml", include_str!("../../known/grpcio.toml")),
    ("grpc-go.toml", include_str!("../../known/grpc-go.toml")),
    ("tonic.toml", include_str!("../../known/tonic.toml")),
    ("grpc-java.toml", include_str!("../../known/grpc-java.toml")),
    ("grpc-js.toml", include_str!("../../known/grpc-js.toml")),
    ("connect-node.toml", include_str!("../../known/connect-node.toml")),
    ("node-http2.toml", include_str!("../../known/node-http2.toml")),
    ("grpclib.toml", include_str!("../../known/grpclib.toml")),
    ("connect-go.toml", include_str!("../../known/connect-go.toml")),
    ("grpc-cpp.toml", include_str!("../../known/grpc-cpp.toml")),
    ("nginx.toml", include_str!("../../known/nginx.toml")),
    ("grpc-rust.toml", include_str!("../../known/grpc-rust.toml")),
];

/// All of it.
///
/// # Errors
/// A file is malformed; a test sees to it that none is.
pub fn built_in() -> Result<KnownList, BadInput> {
    let mut all = KnownList::default();
    for (name, text) in FILES {
        let path = Path::new("(built in)").join(name);
        all.entries.extend(KnownList::parse(&path, text, true)?.entries);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_well_formed_and_about_libraries() {
        let list = built_in().unwrap();
        assert!(!list.entries.is_empty());
        for entry in list.entries {
            let is_of_library = matches!(entry.whose, super::super::Whose::Implementation { .. });
            assert!(is_of_library && entry.is_built_in, "{}", entry.explanation.place);
        }
    }
}
