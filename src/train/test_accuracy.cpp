#include "ddpm/train/test_accuracy.h"

#include <algorithm>

#include <torch/types.h>

#include "ddpm/diffusion/process.h"
#include "ddpm/sample/images.h"

namespace ddpm {
namespace {

constexpr int64_t kBatch = 250;

/// Images first ... first+count-1 in [-1, 1].
torch::Tensor read_images(const Dataset& dataset, int64_t first, int64_t count) {
  const auto& info = dataset.info();
  auto bytes = torch::empty({count, info.channels, info.height, info.width}, torch::kUInt8);
  const int64_t size = bytes.numel() / count;
  for (int64_t i = 0; i < count; ++i)
    dataset.read(first + i, bytes.data_ptr<uint8_t>() + i * size);
  return from_uint8(bytes);
}

torch::Tensor read_labels(const Dataset& dataset, int64_t first, int64_t count) {
  auto labels = torch::empty({count}, torch::kInt64);
  for (int64_t i = 0; i < count; ++i)
    labels.data_ptr<int64_t>()[i] = dataset.label(first + i);
  return labels;
}

}  // namespace

double test_accuracy(NetworkImpl& classifier, const DiffusionConfig& diffusion,
                     const Dataset& dataset, torch::Device device) {
  const torch::NoGradGuard no_grad;
  const auto process = make_process(diffusion);
  const auto clean = process->clean_level();
  const double scale = clean.alpha * process->input_scale(clean);
  const int64_t images = dataset.info().images;
  double right = 0.0;
  for (int64_t first = 0; first < images; first += kBatch) {
    const int64_t count = std::min(kBatch, images - first);
    const auto x = scale * read_images(dataset, first, count).to(device);
    const auto timesteps = torch::full({count}, clean.t, x.options());
    const auto guess = classifier.forward(x, timesteps, {}).argmax(1).cpu();
    right += (guess == read_labels(dataset, first, count)).to(torch::kFloat64).sum().item<double>();
  }
  return right / static_cast<double>(images);
}

}  // namespace ddpm
