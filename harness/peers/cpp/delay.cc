#include "delay.h"

#include <algorithm>
#include <thread>

namespace {

// A call with a synchronous handler can only ask whether it has been cancelled.
constexpr std::chrono::milliseconds kCancelledInterval{5};

}  // namespace

bool Delay(const grpc::ServerContext& context, std::chrono::microseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (time.count() > 0 && std::chrono::steady_clock::now() < end) {
    if (context.IsCancelled()) return false;
    std::this_thread::sleep_until(
        std::min(end, std::chrono::steady_clock::now() + kCancelledInterval));
  }
  return true;
}
