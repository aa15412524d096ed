#include <torch/types.h>

#include "ddpm/eval/feature_statistics.h"
#include "ddpm/util/error.h"

namespace ddpm {
namespace {

const torch::Tensor& part(const NamedTensors& state, const std::string& name,
                          const std::vector<int64_t>& shape) {
  const auto found = state.find(name);
  if (found == state.end() || found->second.sizes() != shape) {
    throw DataError("interrupted statistics: ", name, " is missing or of another shape");
  }
  return found->second;
}

}  // namespace

NamedTensors StatisticsAccumulator::state() const {
  if (count_ == 0) return {};
  return {{"count", torch::tensor({count_}, torch::kInt64)},
          {"origin", origin_},
          {"sum", sum_},
          {"products", products_}};
}

void StatisticsAccumulator::load_state(const NamedTensors& state) {
  if (state.empty()) return;
  const int64_t d = sum_.size(0);
  const auto count = part(state, "count", {1}).item<int64_t>();
  origin_ = part(state, "origin", {d}).clone();
  sum_ = part(state, "sum", {d}).clone();
  products_ = part(state, "products", {d, d}).clone();
  count_ = count;
}

}  // namespace ddpm
