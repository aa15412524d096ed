#include "ddpm/eval/inception.h"

#include <functional>
#include <utility>

#include <ATen/Context.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include "ddpm/checkpoint/safetensors.h"
#include "ddpm/model/precision.h"
#include "ddpm/util/error.h"

namespace ddpm {
namespace {

constexpr int64_t kSide = 299;
constexpr int64_t kDimensions = 2048;
constexpr int64_t kClasses = 1008;
constexpr double kNormEps = 1e-3;
constexpr const char* kNormParts[] = {"weight", "bias", "running_mean", "running_var"};

void for_each_conv(InceptionStages& stages, const std::function<void(InceptionConv&)>& visit) {
  for (auto& block : stages) {
    for (auto& branch : block) {
      for (auto& conv : branch.chain)
        visit(conv);
      for (auto& conv : branch.fork)
        visit(conv);
    }
  }
}

std::string shape_text(torch::IntArrayRef shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

/// The tensors of the table, without the counters that batch norms keep for training.
NamedTensors check_weights(const NamedTensors& weights, const std::string& origin) {
  const auto expected = Inception::parameters();
  NamedTensors checked;
  for (const auto& [name, shape] : expected) {
    const auto found = weights.find(name);
    const bool there = found != weights.end();
    if (!there || found->second.sizes() != shape) {
      throw CheckpointError(origin, ": not the weights of FID's Inception: ", name, ": expected ",
                            shape_text(shape), ", got ",
                            there ? shape_text(found->second.sizes()) : "nothing",
                            " (scripts/convert_inception.py makes the file)");
    }
    checked[name] = found->second;
  }
  for (const auto& [name, tensor] : weights) {
    if (expected.count(name) == 0 && !name.ends_with(".num_batches_tracked")) {
      throw CheckpointError(origin, ": not the weights of FID's Inception: unknown tensor ", name);
    }
  }
  return checked;
}

void fold_norm(InceptionConv& conv, const NamedTensors& weights, torch::Device device) {
  const auto part = [&](const char* name) {
    return weights.at(conv.name + ".bn." + name).to(torch::kFloat64);
  };
  const auto scale = part("weight") / (part("running_var") + kNormEps).sqrt();
  const auto weight = weights.at(conv.name + ".conv.weight").to(torch::kFloat64);
  conv.weight =
      (weight * scale.view({-1, 1, 1, 1})).to(device, torch::kFloat32).contiguous(kMemoryFormat);
  conv.bias = (part("bias") - part("running_mean") * scale).to(device, torch::kFloat32);
}

/// Linear interpolation along one axis at i * in / out, as TensorFlow 1 places its pixels.
torch::Tensor interpolate_tf1(const torch::Tensor& x, int64_t axis) {
  const int64_t in = x.size(axis);
  const auto scale = static_cast<float>(in) / static_cast<float>(kSide);
  const auto place = torch::arange(kSide, x.options()) * scale;
  const auto low = place.to(torch::kInt64).clamp_max(in - 1);
  const auto high = (low + 1).clamp_max(in - 1);
  std::vector<int64_t> along(4, 1);
  along[static_cast<size_t>(axis)] = kSide;
  const auto fraction = (place - low).view(along);
  return torch::lerp(x.index_select(axis, low), x.index_select(axis, high), fraction);
}

}  // namespace

InceptionResize parse_inception_resize(std::string_view word) {
  if (word == "tf1") return InceptionResize::kTf1;
  if (word == "pytorch-fid") return InceptionResize::kPytorchFid;
  throw UserError("resize: expected tf1 or pytorch-fid, got '", word, "'");
}

torch::Tensor inception_input(const torch::Tensor& images, InceptionResize resize) {
  const auto x = images.to(torch::kFloat32);
  if (resize == InceptionResize::kTf1) {
    return (interpolate_tf1(interpolate_tf1(x, 3), 2) - 128.0) / 128.0;
  }
  return 2.0 * torch::upsample_bilinear2d(x / 255.0, {kSide, kSide}, false) - 1.0;
}

std::map<std::string, std::vector<int64_t>> Inception::parameters() {
  std::map<std::string, std::vector<int64_t>> shapes{{"fc.weight", {kClasses, kDimensions}},
                                                     {"fc.bias", {kClasses}}};
  auto stages = inception_layers();
  for_each_conv(stages, [&](const InceptionConv& conv) {
    shapes[conv.name + ".conv.weight"] = {conv.out, conv.in, conv.kernel[0], conv.kernel[1]};
    for (const char* part : kNormParts)
      shapes[conv.name + ".bn." + part] = {conv.out};
  });
  return shapes;
}

Inception::Inception(const NamedTensors& weights, const std::string& origin, InceptionResize resize,
                     torch::Device device)
    : resize_(resize),
      device_(device),
      stages_(inception_layers()) {
  const auto checked = check_weights(weights, origin);
  hash_ = weights_hash(checked);
  for_each_conv(stages_, [&](InceptionConv& conv) { fold_norm(conv, checked, device); });
  head_ = checked.at("fc.weight").to(device, torch::kFloat32);
}

int64_t Inception::dimensions() const {
  return kDimensions;
}

int64_t Inception::classes() const {
  return kClasses;
}

std::string Inception::preprocessing() const {
  return resize_ == InceptionResize::kTf1 ? "tf1" : "pytorch-fid";
}

Features Inception::run(const torch::Tensor& images) {
  const torch::NoGradGuard no_grad;
  const at::NoTF32Guard full_precision;  // features agree with other programs' to 1e-4
  const auto input = inception_input(with_channels(images.to(device_), 3), resize_);
  const auto maps = run_inception(stages_, input.contiguous(kMemoryFormat));
  const auto features = maps.mean({2, 3});
  const auto logits = torch::matmul(features, head_.t());
  return {features.cpu(), logits.cpu()};
}

Inception load_inception(const std::filesystem::path& path, InceptionResize resize,
                         torch::Device device) {
  return {load_finite_safetensors(path), path.string(), resize, device};
}

}  // namespace ddpm
