#include "ddpm/eval/classifier_network.h"

#include <torch/types.h>

#include "ddpm/checkpoint/run_directory.h"
#include "ddpm/config/rules.h"
#include "ddpm/data/image_tensors.h"
#include "ddpm/util/error.h"

namespace ddpm {

ClassifierNetwork::ClassifierNetwork(const ModelFolder& folder, torch::Device device)
    : classifier_(folder, device),
      hash_(weights_hash(load_weights(folder))) {}

ClassifierNetwork::ClassifierNetwork(const std::filesystem::path& path, torch::Device device)
    : ClassifierNetwork(open_model_folder(resolve_checkpoint(path), NetworkUse::kClassify),
                        device) {}

Features ClassifierNetwork::run(const torch::Tensor& images) {
  const auto& [model, options, signature] = classifier_.config();
  const auto& size = signature.sample_size;
  if (!size.empty() && images.sizes().slice(2) != size) {
    throw DataError("features: expected images of ", size[0], "x", size[1],
                    " pixels as the classifier was trained on, got ", images.size(2), "x",
                    images.size(3));
  }
  try {
    check_classifier_size(model, images.size(2), images.size(3));
  } catch (const UserError& error) {
    throw DataError("features: ", error.what());
  }
  const auto bytes = with_channels(images, signature.data_channels);
  const auto features = classifier_.features(from_uint8(bytes));
  return {features.cpu(), classifier_.logits_of(features).cpu()};
}

}  // namespace ddpm
