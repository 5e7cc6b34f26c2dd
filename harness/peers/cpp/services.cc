#include "services.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "detect.h"
#include "directions.h"

namespace {

// How many Fibonacci numbers fit in int64: F(0) to F(92).
constexpr int64_t kMaxCount = 93;

grpc::Status CheckCount(int64_t count) {
  if (count <= kMaxCount) return grpc::Status::OK;
  return grpc::Status(
      grpc::StatusCode::OUT_OF_RANGE,
      "count " + std::to_string(count) + " is more than 93: F(93) does not fit in int64");
}

// Gives `take` the positions and values of the first `count` Fibonacci numbers, F(0) at least and
// F(92) at most, until it takes no more.
template <typename Take>
void EachNumber(int64_t count, Take take) {
  const int64_t last = std::clamp<int64_t>(count, 1, kMaxCount) - 1;
  // The number after F(92) would overflow, but not as one without a sign, which wraps around.
  uint64_t current = 0, next = 1;
  for (int64_t position = 0; position <= last; ++position) {
    if (!take(position, static_cast<int64_t>(current))) return;
    const uint64_t sum = current + next;
    current = next;
    next = sum;
  }
}

}  // namespace

grpc::Status Outliers::Detect(grpc::ServerContext* context, const pb::OutliersRequest* request,
                              pb::OutliersResponse* response) {
  Directions directions(context);
  std::vector<double> values;
  values.reserve(request->metrics_size());
  for (const pb::Metric& metric : request->metrics()) values.push_back(metric.value());
  for (const int32_t position : DetectOutliers(values)) response->add_indices(position);
  return directions.Answer(grpc::Status::OK, response);
}

grpc::Status Fibonacci::GetSequence(grpc::ServerContext* context, const SequenceRequest* request,
                                    SequenceResponse* response) {
  Directions directions(context);
  // Before anything is computed: the count may be huge.
  const grpc::Status status = CheckCount(request->count());
  if (status.ok()) {
    EachNumber(request->count(), [&](int64_t, int64_t number) {
      response->add_element(number);
      return true;
    });
  }
  return directions.Answer(status, response);
}

grpc::Status Fibonacci::StreamSequence(grpc::ServerContext* context, const SequenceRequest* request,
                                       grpc::ServerWriter<SequenceElement>* writer) {
  Directions directions(context);
  grpc::Status failure;
  EachNumber(request->count(), [&](int64_t position, int64_t number) {
    SequenceElement element;
    element.set_element(number);
    element.set_count(position);
    failure = directions.Prepare(&element);
    return failure.ok() && writer->Write(element);
  });
  if (!failure.ok()) return failure;
  // After the numbers that there are: the contract's FIB-3.
  return directions.End(CheckCount(request->count()));
}
