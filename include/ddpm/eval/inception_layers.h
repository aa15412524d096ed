#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <torch/types.h>

namespace ddpm {

/// A convolution with batch norm and ReLU, named as in the file of weights.
struct InceptionConv {
  std::string name;  // "Mixed_5b.branch1x1"
  int64_t in = 0;
  int64_t out = 0;
  std::array<int64_t, 2> kernel{1, 1};
  int64_t stride = 1;
  std::array<int64_t, 2> padding{0, 0};
  torch::Tensor weight{};  // [out, in, kernel], the batch norm folded in; undefined in a table
  torch::Tensor bias{};    // [out]
};

enum class InceptionPool {
  kNone,
  kAverage,  // 3x3, keeps the size, without the padding
  kMaximum,  // 3x3, keeps the size
  kReduce,   // 3x3 maximum, stride 2
};

/// A pool, convolutions one after another, then some side by side, whose outputs are joined.
struct InceptionBranch {
  InceptionPool pool = InceptionPool::kNone;
  std::vector<InceptionConv> chain;
  std::vector<InceptionConv> fork;
};

/// Branches side by side, whose outputs are joined.
using InceptionBlock = std::vector<InceptionBranch>;
/// The network from its input to the last feature map, block after block.
using InceptionStages = std::vector<InceptionBlock>;

/// All layers of the network, without weights.
InceptionStages inception_layers();

/// The last feature map [N, 2048, 8, 8] of x [N, 3, 299, 299].
torch::Tensor run_inception(const InceptionStages& stages, torch::Tensor x);

}  // namespace ddpm
