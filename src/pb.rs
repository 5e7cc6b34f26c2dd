//! What `build.rs` generates from `proto/`: the message types, and a client and
//! a server of each service.

#![expect(
    missing_docs,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]

tonic::include_proto!("pb");

// `fibonacci.proto` has no package, for which the generator's file is named `_`.
tonic::include_proto!("_");

/// gRPC's own test service.
pub mod testing {
    tonic::include_proto!("grpc.testing");
}

/// The descriptors of all files and of what they import, encoded as a
/// `google.protobuf.FileDescriptorSet`, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("descriptors");
