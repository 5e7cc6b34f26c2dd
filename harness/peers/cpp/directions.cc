#include "directions.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/unknown_field_set.h>

#include <stdexcept>

#include "delay.h"

using google::protobuf::io::CodedOutputStream;

namespace {

constexpr char kHeader[] = "x-crosswire-header";
constexpr char kTrailer[] = "x-crosswire-trailer";
constexpr char kStatus[] = "x-crosswire-status";
constexpr char kStatusMessage[] = "x-crosswire-status-message-bin";
constexpr char kStatusDetails[] = "x-crosswire-status-details-bin";
constexpr char kDelay[] = "x-crosswire-delay-ms";
constexpr char kSize[] = "x-crosswire-size";
constexpr char kCompress[] = "x-crosswire-compress";
constexpr char kPanic[] = "x-crosswire-panic";

constexpr uint64_t kMaxCode = 17;
constexpr uint64_t kMaxDelayMillis = 24 * 60 * 60 * 1000;
constexpr uint64_t kMaxSizeBytes = 64 << 20;
constexpr int kPaddingField = 1000;

std::string Text(grpc::string_ref reference) { return {reference.data(), reference.size()}; }

grpc::Status Refusal(const std::string& text) {
  return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, text);
}

// Makes the message `size` bytes long, unless it is as long already.
grpc::Status Pad(google::protobuf::Message* message, size_t size) {
  const size_t now = message->ByteSizeLong();
  if (now >= size) return grpc::Status::OK;
  const auto field_size = [](size_t zeros) {
    const size_t tag_size = CodedOutputStream::VarintSize32(kPaddingField << 3);
    return tag_size + CodedOutputStream::VarintSize32(zeros) + zeros;
  };
  size_t zeros = size - now;
  while (zeros > 0 && now + field_size(zeros) > size) --zeros;
  if (now + field_size(zeros) != size)
    return Refusal(std::string(kSize) + ": no field is as long as what a message of " +
                   std::to_string(now) + " bytes lacks");
  // What is unknown comes last when a message is serialized.
  message->GetReflection()->MutableUnknownFields(message)->AddLengthDelimited(
      kPaddingField, std::string(zeros, '\0'));
  return grpc::Status::OK;
}

}  // namespace

Directions::Directions(grpc::ServerContext* context) : context_(context) {
  for (const auto& [name, value] : context->client_metadata()) {
    if (name.starts_with(kHeader)) context->AddInitialMetadata(Text(name), Text(value));
    if (name.starts_with(kTrailer)) context->AddTrailingMetadata(Text(name), Text(value));
  }
  delay_ = std::chrono::milliseconds(Number(kDelay, kMaxDelayMillis));
  size_ = Number(kSize, kMaxSizeBytes);
  if (Last(kStatus)) {
    status_.emplace(static_cast<grpc::StatusCode>(Number(kStatus, kMaxCode)),
                    Last(kStatusMessage).value_or(""), Last(kStatusDetails).value_or(""));
  }
  if (const auto encoding = Last(kCompress)) {
    if (*encoding != "gzip") refusal_ = Refusal(std::string(kCompress) + ": give gzip");
    // The algorithm could be set as well, but which of them the client has offered only the
    // library knows. It takes gzip first.
    context->set_compression_level(GRPC_COMPRESS_LEVEL_LOW);
  }
}

grpc::Status Directions::Prepare(google::protobuf::Message* response) const {
  if (!refusal_.ok()) return refusal_;
  if (!Delay(*context_, delay_)) return grpc::Status::CANCELLED;
  return Pad(response, size_);
}

grpc::Status Directions::End(const grpc::Status& status) const {
  if (!refusal_.ok()) return refusal_;
  if (const auto text = Last(kPanic)) throw std::runtime_error(*text);
  // Without a message a unary call cannot end with OK, even if it is to.
  if (status_ && !(status_->ok() && !status.ok())) return *status_;
  return status;
}

grpc::Status Directions::Answer(const grpc::Status& status,
                                google::protobuf::Message* response) const {
  if (const grpc::Status prepared = Prepare(response); !prepared.ok()) return prepared;
  return End(status);
}

// Returns the entry's value, of several the last.
std::optional<std::string> Directions::Last(const std::string& name) const {
  const auto [first, end] = context_->client_metadata().equal_range(name);
  if (first == end) return std::nullopt;
  return Text(std::prev(end)->second);
}

// Returns the entry as a number from 0 to `most`, 0 if it is not there.
uint64_t Directions::Number(const std::string& name, uint64_t most) {
  const std::string text = Last(name).value_or("0");
  const bool digits = !text.empty() && text.size() < 20 &&
                      text.find_first_not_of("0123456789") == std::string::npos;
  const uint64_t number = digits ? std::stoull(text) : 0;
  if (digits && number <= most) return number;
  refusal_ = Refusal(name + ": not a whole number from 0 to " + std::to_string(most));
  return 0;
}
