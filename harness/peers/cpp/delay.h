#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>

// Waits so long, or until the call is cancelled; returns whether it has not been.
bool Delay(const grpc::ServerContext& context, std::chrono::microseconds time);
