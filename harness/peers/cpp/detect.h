#pragma once

#include <cstdint>
#include <vector>

// Returns the positions of the values that lie more than two standard deviations from the mean,
// as np.where(np.abs(data - data.mean()) > 2 * data.std())[0] does, bit for bit.
std::vector<int32_t> DetectOutliers(const std::vector<double>& values);
