#pragma once

#include <vector>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/model/flat_parameters.h"
#include "ddpm/model/network.h"
#include "ddpm/model/parameter_role.h"

namespace ddpm {

/// The layout of images and convolution weights for which the operators here are fastest.
inline constexpr auto kMemoryFormat = torch::MemoryFormat::ChannelsLast;

/// `images` [N, C, H, W] in `kMemoryFormat`, with strides that say so even for one channel, where
/// LibTorch would take the tensor for a plain one and run the slower operators.
torch::Tensor to_memory_format(const torch::Tensor& images);

/// True for parameters that a bf16 net holds in bfloat16: weights and biases of convolutions and
/// linear layers. Those of norms and embeddings stay float32.
bool is_bf16(ParameterRole role);

/// Puts the parameters of `net` into the types of this precision, for a net that is not trained.
void convert_parameters(NetworkImpl& net, Precision precision);

/// The parameters that a net computes with, beside its float32 ones in a flat tensor. For float32
/// the two are the same memory; for bf16 the net's convolutions and linear layers look into a
/// bfloat16 copy, cast in one pass.
class ComputeParameters {
 public:
  /// Makes the parameters of `net` views into `flat` (laid out by `layout`). With bf16 the net is
  /// not to be used before the first `refresh`, which makes the copy.
  ComputeParameters(NetworkImpl& net, const FlatLayout& layout, torch::Tensor flat,
                    Precision precision);
  /// Takes over what has become of `flat`.
  void refresh();
  /// Gives the copy's memory back until the next `refresh`; the net must not be used meanwhile.
  void release();
  /// The copy, for those who write it with `flat`; undefined for float32.
  const torch::Tensor& copy() const { return copy_; }

 private:
  void bind();

  FlatLayout layout_;
  std::vector<torch::Tensor> parameters_;  // of the net
  std::vector<ParameterRole> roles_;       // likewise
  torch::Tensor flat_;
  torch::Tensor copy_;  // bfloat16; undefined for float32, and when released
  bool has_copy_;
};

}  // namespace ddpm
