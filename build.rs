//! Generates the message types and stubs from `proto/`, without `protoc`, and
//! the descriptors that reflection serves.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use protox::prost::Message;

const PROTO_DIRECTORY: &str = "proto";
const PROTO_FILES: [&str; 3] = ["fibonacci.proto", "outliers.proto", "testing.proto"];

/// Payloads are sent several times, and are not copied for it.
const SHARED_BYTES: &str = ".grpc.testing.Payload.body";

/// The service that no server has, which reflection does not tell of.
const NOT_SERVED: &str = "UnimplementedService";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    for file in PROTO_FILES {
        println!("cargo::rerun-if-changed={PROTO_DIRECTORY}/{file}");
    }
    generate_services()?;

    println!("cargo::rerun-if-changed=Cargo.lock");
    let version = locked_version("tonic")?;
    println!("cargo::rustc-env=TONIC_VERSION={version}");
    Ok(())
}

fn generate_services() -> Result<(), Box<dyn Error>> {
    let descriptors = protox::compile(PROTO_FILES, [PROTO_DIRECTORY])?;

    let mut served = descriptors.clone();
    for file in &mut served.file {
        file.service.retain(|service| service.name() != NOT_SERVED);
    }
    let out_directory = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out_directory.join("descriptors.bin"), served.encode_to_vec())?;
    tonic_prost_build::configure()
        .bytes(SHARED_BYTES)
        .build_transport(false)
        .compile_fds(descriptors)?;
    Ok(())
}

/// The version of a dependency as `Cargo.lock` pins it: tonic itself does not
/// say at run time which version it is, and the client's `hello` must.
fn locked_version(package: &str) -> Result<String, Box<dyn Error>> {
    let lock = fs::read_to_string("Cargo.lock")?;
    let entry = format!("name = \"{package}\"\nversion = \"");
    lock.split_once(&entry)
        .and_then(|(_, rest)| rest.split_once('"'))
        .map(|(version, _)| version.to_owned())
        .ok_or_else(|| format!("no {package} in Cargo.lock").into())
}
