// The two services, as docs/contract.md has them.
#pragma once

#include <grpcpp/grpcpp.h>

#include "fibonacci.grpc.pb.h"
#include "outliers.grpc.pb.h"

class Outliers final : public pb::Outliers::Service {
  grpc::Status Detect(grpc::ServerContext* context, const pb::OutliersRequest* request,
                      pb::OutliersResponse* response) override;
};

class Fibonacci final : public FibonacciService::Service {
  grpc::Status GetSequence(grpc::ServerContext* context, const SequenceRequest* request,
                           SequenceResponse* response) override;
  grpc::Status StreamSequence(grpc::ServerContext* context, const SequenceRequest* request,
                              grpc::ServerWriter<SequenceElement>* writer) override;
};
