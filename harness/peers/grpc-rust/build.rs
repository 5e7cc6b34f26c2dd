//! Generates the messages from `proto/`, without `protoc`. The crate's own generator is for
//! Google's `protobuf`, which wants `protoc`, CMake and a C++ compiler.

use std::error::Error;
use std::fs;

const PROTO_DIRECTORY: &str = "../../../proto";
const PROTO_FILES: [&str; 3] = ["fibonacci.proto", "outliers.proto", "testing.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={PROTO_DIRECTORY}");
    prost_build::compile_fds(protox::compile(PROTO_FILES, [PROTO_DIRECTORY])?)?;

    println!("cargo::rerun-if-changed=Cargo.lock");
    println!("cargo::rustc-env=GRPC_VERSION={}", locked_version("grpc")?);
    Ok(())
}

/// The version of a dependency as `Cargo.lock` pins it: the crate itself does not say.
fn locked_version(package: &str) -> Result<String, Box<dyn Error>> {
    let lock = fs::read_to_string("Cargo.lock")?;
    let entry = format!("name = \"{package}\"\nversion = \"");
    lock.split_once(&entry)
        .and_then(|(_, rest)| rest.split_once('"'))
        .map(|(version, _)| version.to_owned())
        .ok_or_else(|| format!("no {package} in Cargo.lock").into())
}
