#include "detect.h"

#include <array>
#include <cmath>
#include <cstddef>

// Rounding decides about a value that lies exactly two standard deviations out, so the additions
// are made in NumPy's order, and the Makefile keeps the compiler from fusing them with products.
namespace {

// How many partial sums NumPy keeps side by side.
constexpr size_t kLanes = 8;
// The longest run of values that NumPy adds without halving it.
constexpr size_t kBlock = 128;

double Sum(const double* values, size_t count) {
  if (count > kBlock) {
    const size_t half = count / 2 / kLanes * kLanes;
    return Sum(values, half) + Sum(values + half, count - half);
  }
  double total = 0;
  size_t next = 0;
  if (count >= kLanes) {
    std::array<double, kLanes> lane{};
    for (; next < kLanes; ++next) lane[next] = values[next];
    for (; next + kLanes <= count; next += kLanes)
      for (size_t index = 0; index < kLanes; ++index) lane[index] += values[next + index];
    total =
        ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
  }
  for (; next < count; ++next) total += values[next];
  return total;
}

double Mean(const std::vector<double>& values) {
  return Sum(values.data(), values.size()) / static_cast<double>(values.size());
}

}  // namespace

std::vector<int32_t> DetectOutliers(const std::vector<double>& values) {
  const double mean = Mean(values);
  std::vector<double> squares;
  squares.reserve(values.size());
  for (const double value : values) squares.push_back((value - mean) * (value - mean));
  const double limit = 2 * std::sqrt(Mean(squares));

  std::vector<int32_t> found;
  for (size_t position = 0; position < values.size(); ++position)
    if (std::abs(values[position] - mean) > limit) found.push_back(static_cast<int32_t>(position));
  return found;
}
