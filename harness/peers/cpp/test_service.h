// gRPC's own test service, as docs/contract.md has it (TEST-*). It compresses what it is told to,
// but of how a request came, the library tells its own tests alone. UnimplementedCall is the
// library's to answer.
#pragma once

#include <grpcpp/grpcpp.h>

#include "testing.grpc.pb.h"

class TestService final : public grpc::testing::TestService::Service {
  using Empty = grpc::testing::Empty;
  using SimpleRequest = grpc::testing::SimpleRequest;
  using SimpleResponse = grpc::testing::SimpleResponse;
  using InputRequest = grpc::testing::StreamingInputCallRequest;
  using InputResponse = grpc::testing::StreamingInputCallResponse;
  using OutputRequest = grpc::testing::StreamingOutputCallRequest;
  using OutputResponse = grpc::testing::StreamingOutputCallResponse;

  grpc::Status EmptyCall(grpc::ServerContext* context, const Empty* request,
                         Empty* response) override;
  grpc::Status UnaryCall(grpc::ServerContext* context, const SimpleRequest* request,
                         SimpleResponse* response) override;
  grpc::Status CacheableUnaryCall(grpc::ServerContext* context, const SimpleRequest* request,
                                  SimpleResponse* response) override;
  grpc::Status StreamingOutputCall(grpc::ServerContext* context, const OutputRequest* request,
                                   grpc::ServerWriter<OutputResponse>* writer) override;
  grpc::Status StreamingInputCall(grpc::ServerContext* context,
                                  grpc::ServerReader<InputRequest>* reader,
                                  InputResponse* response) override;
  grpc::Status FullDuplexCall(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<OutputResponse, OutputRequest>* stream) override;
  grpc::Status HalfDuplexCall(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<OutputResponse, OutputRequest>* stream) override;
};
