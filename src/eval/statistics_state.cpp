#include <torch/types.h>

#include "ddpm/eval/feature_statistics.h"
#include "ddpm/util/error.h"

namespace ddpm {
namespace {

const torch::Tensor& part(const NamedTensors& state, const std::string& name,
                          const std::vector<int64_t>& shape, torch::Dtype type) {
  const auto found = state.find(name);
  if (found == state.end() || found->second.sizes() != shape ||
      found->second.scalar_type() != type || !found->second.isfinite().all().item<bool>()) {
    throw DataError("interrupted statistics: ", name, " is missing or damaged");
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
  const auto count = part(state, "count", {1}, torch::kInt64).item<int64_t>();
  if (count < 1) throw DataError("interrupted statistics: of ", count, " images");
  origin_ = part(state, "origin", {d}, torch::kFloat64).clone();
  sum_ = part(state, "sum", {d}, torch::kFloat64).clone();
  products_ = part(state, "products", {d, d}, torch::kFloat64).clone();
  count_ = count;
}

}  // namespace ddpm
