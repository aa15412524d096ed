#include "ddpm/train/objectives/classification.h"

#include <algorithm>

#include <ATen/record_function.h>
#include <torch/types.h>

#include "ddpm/util/random.h"

namespace ddpm {

Classification::Classification(const Config& config, torch::Device device)
    : noising_(config.diffusion, config.train),
      clean_share_(config.classifier.clean_share),
      seed_(static_cast<uint64_t>(config.train.seed)),
      device_(device) {}

/// Takes the noise out of a share of the images.
void Classification::leave_clean(Batch& batch, int64_t first_place) const {
  const auto& noise = batch.drawn.at("noise");
  const auto& timesteps = batch.drawn.at("timesteps");
  const int64_t size = noise.numel() / noise.size(0);
  const double clean = noising_.process().clean_level().t;
  for (int64_t i = 0; i < noise.size(0); ++i) {
    const RandomKey key{seed_, RandomPurpose::kCleanImage, static_cast<uint64_t>(first_place + i)};
    if (random_uniform(key) >= clean_share_) continue;
    std::fill_n(noise.data_ptr<float>() + i * size, size, 0.0F);
    if (timesteps.scalar_type() == torch::kInt64) {
      timesteps.data_ptr<int64_t>()[i] = static_cast<int64_t>(clean);
    } else {
      timesteps.data_ptr<double>()[i] = clean;
    }
  }
}

void Classification::draw(Batch& batch, int64_t first_place) const {
  noising_.draw(batch, first_place);
  leave_clean(batch, first_place);
}

StepInputs Classification::prepare(Batch batch) const {
  const torch::NoGradGuard no_grad;
  RECORD_FUNCTION("ddpm::noising", std::vector<c10::IValue>());
  const auto noised = noising_.apply(batch, device_);
  return {{"x_t", noised.x_t},
          {"timesteps", noised.timesteps},
          {"classes", to_device(batch.labels, device_)}};
}

BatchLoss Classification::loss(NetworkImpl& network, const StepInputs& inputs) const {
  const auto logits = network.forward(inputs.at("x_t"), inputs.at("timesteps"), {});
  return classification_loss(logits.to(torch::kFloat32), inputs.at("classes"));
}

BatchLoss classification_loss(const torch::Tensor& logits, const torch::Tensor& classes) {
  const auto each = torch::cross_entropy_loss(logits, classes, /*weight=*/{}, at::Reduction::None);
  const auto right = logits.detach().argmax(1) == classes;
  return {.each = each,
          .mean = each.mean(),
          .extras = {{"accuracy", right.to(torch::kFloat32).mean()}}};
}

}  // namespace ddpm
