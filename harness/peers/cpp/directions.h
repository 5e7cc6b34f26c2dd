// What a request's metadata says about how it is answered: docs/peer-protocol.md, directions.
#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

class Directions {
 public:
  // Reads the metadata of the call, and does what is to be done before it is answered.
  explicit Directions(grpc::ServerContext* context);

  // Makes a response message ready to be sent, once its time has come. Nothing is to be sent if
  // the status is an error.
  grpc::Status Prepare(google::protobuf::Message* response) const;

  // Returns what the call ends with, where it would end with `status`.
  grpc::Status End(const grpc::Status& status) const;

  // Both, of a call with one response.
  grpc::Status Answer(const grpc::Status& status, google::protobuf::Message* response) const;

 private:
  std::optional<std::string> Last(const std::string& name) const;
  uint64_t Number(const std::string& name, uint64_t most);

  grpc::ServerContext* const context_;
  // What is wrong with the metadata.
  grpc::Status refusal_;
  std::optional<grpc::Status> status_;
  std::chrono::milliseconds delay_{};
  size_t size_ = 0;
};
