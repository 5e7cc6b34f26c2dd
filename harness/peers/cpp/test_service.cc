#include "test_service.h"

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "delay.h"

using grpc::testing::EchoStatus;
using grpc::testing::Payload;
using grpc::testing::ResponseParameters;

namespace {

constexpr char kEchoInitial[] = "x-grpc-test-echo-initial";
constexpr char kEchoTrailing[] = "x-grpc-test-echo-trailing-bin";

constexpr int32_t kMaxPayloadBytes = 64 << 20;

// Sends metadata of the request back, whatever the call ends with.
void Echo(grpc::ServerContext* context) {
  for (const auto& [name, value] : context->client_metadata()) {
    const std::string text(value.data(), value.size());
    if (name == kEchoInitial) context->AddInitialMetadata(kEchoInitial, text);
    if (name == kEchoTrailing) context->AddTrailingMetadata(kEchoTrailing, text);
  }
}

// Has the library compress responses with what the client has offered: gzip, if that is among it.
void Compress(grpc::ServerContext* context) {
  context->set_compression_level(GRPC_COMPRESS_LEVEL_LOW);
}

// Which responses are compressed is said later, with each of them.
template <typename Stream>
void BeginResponses(grpc::ServerContext* context, Stream* stream) {
  Echo(context);
  Compress(context);
  stream->SendInitialMetadata();
}

grpc::Status Asked(const EchoStatus& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), status.message());
}

grpc::Status Fill(Payload* payload, int32_t size) {
  if (size < 0 || size > kMaxPayloadBytes)
    return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT,
                        "no payload has " + std::to_string(size) + " bytes; give 0 to " +
                            std::to_string(kMaxPayloadBytes));
  payload->mutable_body()->assign(size, '\0');
  return grpc::Status::OK;
}

// Sends what one of the response parameters asks for. The library blocks until there is room.
template <typename Stream>
grpc::Status Respond(grpc::ServerContext* context, const ResponseParameters& parameters,
                     Stream* stream) {
  if (!Delay(*context, std::chrono::microseconds(parameters.interval_us())))
    return grpc::Status::CANCELLED;
  grpc::testing::StreamingOutputCallResponse response;
  const grpc::Status filled = Fill(response.mutable_payload(), parameters.size());
  if (!filled.ok()) return filled;
  grpc::WriteOptions options;
  if (!parameters.compressed().value()) options.set_no_compression();
  return stream->Write(response, options) ? grpc::Status::OK : grpc::Status::CANCELLED;
}

// Sends all that a request asks for.
template <typename Stream>
grpc::Status Answer(grpc::ServerContext* context,
                    const grpc::testing::StreamingOutputCallRequest& request, Stream* stream) {
  grpc::Status status = Asked(request.response_status());
  for (const ResponseParameters& parameters : request.response_parameters()) {
    if (!status.ok()) break;
    status = Respond(context, parameters, stream);
  }
  return status;
}

}  // namespace

grpc::Status TestService::EmptyCall(grpc::ServerContext* context, const Empty*, Empty*) {
  Echo(context);
  return grpc::Status::OK;
}

grpc::Status TestService::UnaryCall(grpc::ServerContext* context, const SimpleRequest* request,
                                    SimpleResponse* response) {
  Echo(context);
  if (const grpc::Status asked = Asked(request->response_status()); !asked.ok()) return asked;
  if (request->response_compressed().value()) Compress(context);
  return Fill(response->mutable_payload(), request->response_size());
}

grpc::Status TestService::CacheableUnaryCall(grpc::ServerContext* context,
                                             const SimpleRequest* request,
                                             SimpleResponse* response) {
  return UnaryCall(context, request, response);
}

grpc::Status TestService::StreamingOutputCall(grpc::ServerContext* context,
                                              const OutputRequest* request,
                                              grpc::ServerWriter<OutputResponse>* writer) {
  BeginResponses(context, writer);
  return Answer(context, *request, writer);
}

grpc::Status TestService::StreamingInputCall(grpc::ServerContext* context,
                                             grpc::ServerReader<InputRequest>* reader,
                                             InputResponse* response) {
  Echo(context);
  reader->SendInitialMetadata();
  int64_t bytes = 0;
  for (InputRequest request; reader->Read(&request);) bytes += request.payload().body().size();
  if (bytes > std::numeric_limits<int32_t>::max())
    return grpc::Status(grpc::StatusCode::OUT_OF_RANGE,
                        std::to_string(bytes) + " bytes are more than an int32 says");
  response->set_aggregated_payload_size(static_cast<int32_t>(bytes));
  return grpc::Status::OK;
}

grpc::Status TestService::FullDuplexCall(
    grpc::ServerContext* context, grpc::ServerReaderWriter<OutputResponse, OutputRequest>* stream) {
  BeginResponses(context, stream);
  grpc::Status status;
  for (OutputRequest request; status.ok() && stream->Read(&request);)
    status = Answer(context, request, stream);
  return status;
}

grpc::Status TestService::HalfDuplexCall(
    grpc::ServerContext* context, grpc::ServerReaderWriter<OutputResponse, OutputRequest>* stream) {
  BeginResponses(context, stream);
  std::vector<OutputRequest> requests;
  for (OutputRequest request; stream->Read(&request);) {
    // What is kept until the client has half-closed is only what is to be answered.
    request.clear_payload();
    requests.push_back(request);
  }
  grpc::Status status;
  for (const OutputRequest& request : requests) {
    if (!status.ok()) break;
    status = Answer(context, request, stream);
  }
  return status;
}
