#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace ddpm {

/// Pairs n rows with n columns so that the sum of their costs is least: entry i is the column of
/// row i. `costs` [n, n] must be finite. Exact, in O(n^3) steps (shortest augmenting paths, after
/// Jonker and Volgenant, 1987).
std::vector<int64_t> cheapest_assignment(std::span<const double> costs, int64_t n);

/// Squared distances of each of `rows` points to each of `columns`, all of `size` numbers: [n, n].
std::vector<double> squared_distances(std::span<const float> rows, std::span<const float> columns,
                                      int64_t size);

}  // namespace ddpm
