#include "ddpm/model/conditioning.h"

#include <torch/types.h>

namespace ddpm {
namespace {

/// `change` of each tensor that is there.
template <typename Change>
Conditioning changed(const Conditioning& from, const Change& change) {
  const auto apply = [&](const torch::Tensor& tensor) {
    return tensor.defined() ? change(tensor) : tensor;
  };
  return {.labels = apply(from.labels),
          .image = apply(from.image),
          .level = apply(from.level),
          .augment = apply(from.augment)};
}

/// `join` of each pair of tensors that is there.
template <typename Join>
Conditioning joined(const Conditioning& a, const Conditioning& b, const Join& join) {
  const auto apply = [&](const torch::Tensor& one, const torch::Tensor& other) {
    TORCH_CHECK(one.defined() == other.defined(), "both must be conditioned on the same");
    return one.defined() ? join(one, other) : one;
  };
  return {.labels = apply(a.labels, b.labels),
          .image = apply(a.image, b.image),
          .level = apply(a.level, b.level),
          .augment = apply(a.augment, b.augment)};
}

}  // namespace

int64_t Conditioning::rows() const {
  int64_t rows = 0;
  changed(*this, [&](const torch::Tensor& tensor) {
    TORCH_CHECK(rows == 0 || tensor.size(0) == rows, "one row an image");
    rows = tensor.size(0);
    return tensor;
  });
  return rows;
}

Conditioning Conditioning::to(torch::Device device) const {
  return changed(*this, [&](const torch::Tensor& tensor) { return tensor.to(device); });
}

Conditioning Conditioning::clone() const {
  return changed(*this, [](const torch::Tensor& tensor) { return tensor.clone(); });
}

Conditioning Conditioning::narrow(int64_t first, int64_t count) const {
  return changed(*this,
                 [&](const torch::Tensor& tensor) { return tensor.narrow(0, first, count); });
}

Conditioning Conditioning::index_select(const torch::Tensor& numbers) const {
  return changed(*this, [&](const torch::Tensor& tensor) {
    return tensor.index_select(0, numbers.to(tensor.device()));
  });
}

void Conditioning::copy_(const Conditioning& from) {
  joined(*this, from, [](const torch::Tensor& into, const torch::Tensor& rows) {
    return into.narrow(0, 0, rows.size(0)).copy_(rows);
  });
}

Conditioning cat(const Conditioning& first, const Conditioning& second) {
  return joined(first, second, [](const torch::Tensor& one, const torch::Tensor& other) {
    return torch::cat({one, other});
  });
}

}  // namespace ddpm
