#include "ddpm/eval/inception_layers.h"

#include <utility>

#include <torch/types.h>

namespace ddpm {
namespace {

using Kernel = std::array<int64_t, 2>;

constexpr Kernel k3x3{3, 3};
constexpr Kernel k5x5{5, 5};
constexpr Kernel k1x3{1, 3};
constexpr Kernel k3x1{3, 1};
constexpr Kernel k1x7{1, 7};
constexpr Kernel k7x1{7, 1};

/// Builds one branch; each convolution takes what the one before gives.
class Branch {
 public:
  Branch(std::string block, int64_t channels, InceptionPool pool = InceptionPool::kNone)
      : block_(std::move(block)),
        channels_(channels) {
    branch_.pool = pool;
  }

  /// Keeps the size.
  Branch& conv(const std::string& name, int64_t out, Kernel kernel = {1, 1}) {
    return append({block_ + name, channels_, out, kernel, 1, {kernel[0] / 2, kernel[1] / 2}});
  }
  /// Without padding.
  Branch& valid(const std::string& name, int64_t out, int64_t stride) {
    return append({block_ + name, channels_, out, k3x3, stride, {0, 0}});
  }
  /// `conv` with kernels of 1x3 and of 3x1 side by side.
  InceptionBranch fork(const std::string& name, int64_t out) {
    branch_.fork = {{block_ + name + "a", channels_, out, k1x3, 1, {0, 1}},
                    {block_ + name + "b", channels_, out, k3x1, 1, {1, 0}}};
    return branch_;
  }

  operator InceptionBranch() const { return branch_; }

 private:
  Branch& append(InceptionConv conv) {
    channels_ = conv.out;
    branch_.chain.push_back(std::move(conv));
    return *this;
  }

  std::string block_;
  int64_t channels_;
  InceptionBranch branch_;
};

// Figure 5 of the paper.
InceptionBlock block_a(const std::string& name, int64_t in, int64_t pooled) {
  return {Branch(name, in).conv("branch1x1", 64),
          Branch(name, in).conv("branch5x5_1", 48).conv("branch5x5_2", 64, k5x5),
          Branch(name, in)
              .conv("branch3x3dbl_1", 64)
              .conv("branch3x3dbl_2", 96, k3x3)
              .conv("branch3x3dbl_3", 96, k3x3),
          Branch(name, in, InceptionPool::kAverage).conv("branch_pool", pooled)};
}

InceptionBlock block_b(const std::string& name, int64_t in) {
  return {Branch(name, in).valid("branch3x3", 384, 2),
          Branch(name, in)
              .conv("branch3x3dbl_1", 64)
              .conv("branch3x3dbl_2", 96, k3x3)
              .valid("branch3x3dbl_3", 96, 2),
          Branch(name, in, InceptionPool::kReduce)};
}

// Figure 6, n = 7.
InceptionBlock block_c(const std::string& name, int64_t in, int64_t inner) {
  return {Branch(name, in).conv("branch1x1", 192),
          Branch(name, in)
              .conv("branch7x7_1", inner)
              .conv("branch7x7_2", inner, k1x7)
              .conv("branch7x7_3", 192, k7x1),
          Branch(name, in)
              .conv("branch7x7dbl_1", inner)
              .conv("branch7x7dbl_2", inner, k7x1)
              .conv("branch7x7dbl_3", inner, k1x7)
              .conv("branch7x7dbl_4", inner, k7x1)
              .conv("branch7x7dbl_5", 192, k1x7),
          Branch(name, in, InceptionPool::kAverage).conv("branch_pool", 192)};
}

InceptionBlock block_d(const std::string& name, int64_t in) {
  return {Branch(name, in).conv("branch3x3_1", 192).valid("branch3x3_2", 320, 2),
          Branch(name, in)
              .conv("branch7x7x3_1", 192)
              .conv("branch7x7x3_2", 192, k1x7)
              .conv("branch7x7x3_3", 192, k7x1)
              .valid("branch7x7x3_4", 192, 2),
          Branch(name, in, InceptionPool::kReduce)};
}

// Figure 7.
InceptionBlock block_e(const std::string& name, int64_t in, InceptionPool pool) {
  return {Branch(name, in).conv("branch1x1", 320),
          Branch(name, in).conv("branch3x3_1", 384).fork("branch3x3_2", 384),
          Branch(name, in)
              .conv("branch3x3dbl_1", 448)
              .conv("branch3x3dbl_2", 384, k3x3)
              .fork("branch3x3dbl_3", 384),
          Branch(name, in, pool).conv("branch_pool", 192)};
}

torch::Tensor apply_pool(InceptionPool pool, const torch::Tensor& x) {
  switch (pool) {
    case InceptionPool::kAverage:
      return torch::avg_pool2d(x, 3, 1, 1, /*ceil_mode=*/false, /*count_include_pad=*/false);
    case InceptionPool::kMaximum:
      return torch::max_pool2d(x, 3, 1, 1);
    case InceptionPool::kReduce:
      return torch::max_pool2d(x, 3, 2);
    case InceptionPool::kNone:
      break;
  }
  return x;
}

torch::Tensor apply(const InceptionConv& conv, const torch::Tensor& x) {
  return torch::conv2d(x, conv.weight, conv.bias, conv.stride, conv.padding).relu_();
}

void run_branch(const InceptionBranch& branch, const torch::Tensor& input,
                std::vector<torch::Tensor>& outputs) {
  auto x = apply_pool(branch.pool, input);
  for (const auto& conv : branch.chain)
    x = apply(conv, x);
  if (branch.fork.empty()) outputs.push_back(x);
  for (const auto& conv : branch.fork)
    outputs.push_back(apply(conv, x));
}

}  // namespace

InceptionStages inception_layers() {
  return {
      {Branch("", 3)
           .valid("Conv2d_1a_3x3", 32, 2)
           .valid("Conv2d_2a_3x3", 32, 1)
           .conv("Conv2d_2b_3x3", 64, k3x3)},
      {Branch("", 64, InceptionPool::kReduce)
           .conv("Conv2d_3b_1x1", 80)
           .valid("Conv2d_4a_3x3", 192, 1)},
      {Branch("", 192, InceptionPool::kReduce)},
      block_a("Mixed_5b.", 192, 32),
      block_a("Mixed_5c.", 256, 64),
      block_a("Mixed_5d.", 288, 64),
      block_b("Mixed_6a.", 288),
      block_c("Mixed_6b.", 768, 128),
      block_c("Mixed_6c.", 768, 160),
      block_c("Mixed_6d.", 768, 160),
      block_c("Mixed_6e.", 768, 192),
      block_d("Mixed_7a.", 768),
      block_e("Mixed_7b.", 1280, InceptionPool::kAverage),
      block_e("Mixed_7c.", 2048, InceptionPool::kMaximum),
  };
}

torch::Tensor run_inception(const InceptionStages& stages, torch::Tensor x) {
  for (const auto& block : stages) {
    std::vector<torch::Tensor> outputs;
    for (const auto& branch : block)
      run_branch(branch, x, outputs);
    x = outputs.size() == 1 ? outputs.front() : torch::cat(outputs, 1);
  }
  return x;
}

}  // namespace ddpm
