#pragma once

#include <string>

#include <torch/types.h>

#include "ddpm/eval/feature_network.h"

namespace ddpm {

/// Features of an image: the means of its four quarters, in [0, 1]. Logits: two classes by the
/// brightness of the whole.
class ToyFeatures : public FeatureNetwork {
 public:
  explicit ToyFeatures(std::string hash = "0123456789abcdef") : hash_(std::move(hash)) {}

  Features run(const torch::Tensor& images) override {
    ++calls;
    const auto grey = images.to(torch::kFloat32).mean(1) / 255.0;
    const int64_t h = grey.size(1) / 2;
    const int64_t w = grey.size(2) / 2;
    std::vector<torch::Tensor> means;
    for (const int64_t y : {int64_t{0}, h})
      for (const int64_t x : {int64_t{0}, w})
        means.push_back(grey.narrow(1, y, h).narrow(2, x, w).mean({1, 2}));
    const auto bright = grey.mean({1, 2});
    return {.features = torch::stack(means, 1), .logits = torch::stack({1 - bright, bright}, 1)};
  }
  int64_t dimensions() const override { return 4; }
  int64_t classes() const override { return 2; }
  std::string name() const override { return "classifier"; }
  std::string hash() const override { return hash_; }

  int calls = 0;

 private:
  std::string hash_;
};

}  // namespace ddpm
