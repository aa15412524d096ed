#include "ddpm/train/test_accuracy.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <vector>

#include <torch/types.h>

#include "ddpm/data/image_tensors.h"
#include "ddpm/diffusion/process.h"

namespace ddpm {
namespace {

constexpr int64_t kBatch = 250;

}  // namespace

double test_accuracy(NetworkImpl& classifier, const DiffusionConfig& diffusion,
                     const Dataset& dataset, torch::Device device) {
  const torch::NoGradGuard no_grad;
  const auto process = make_process(diffusion);
  const auto clean = process->clean_level();
  const double scale = clean.alpha * process->input_scale(clean);
  const int64_t images = dataset.info().images;
  std::vector<int64_t> numbers(static_cast<size_t>(images));
  std::iota(numbers.begin(), numbers.end(), int64_t{0});
  double right = 0.0;
  for (int64_t first = 0; first < images; first += kBatch) {
    const int64_t count = std::min(kBatch, images - first);
    const std::span range(numbers.data() + first, static_cast<size_t>(count));
    const auto x = scale * from_uint8(read_images(dataset, range)).to(device);
    const auto timesteps = torch::full({count}, clean.t, x.options());
    const auto guess = classifier.forward(x, timesteps, {}).argmax(1).cpu();
    right += (guess == torch::tensor(read_labels(dataset, range)))
                 .to(torch::kFloat64)
                 .sum()
                 .item<double>();
  }
  return right / static_cast<double>(images);
}

}  // namespace ddpm
