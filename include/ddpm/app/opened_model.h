#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>

#include "ddpm/checkpoint/model_folder.h"
#include "ddpm/config/config.h"
#include "ddpm/config/setting_overrides.h"
#include "ddpm/model/network.h"

namespace ddpm {

/// A model as its checkpoint has it.
struct OpenedModel {
  std::filesystem::path checkpoint;
  std::filesystem::path run;       // empty for a folder that is no run
  ModelFolder pipeline;            // with the sampling settings of its own run, if it has one
  std::optional<DataConfig> data;  // what its run was trained on; none for a foreign folder
  std::string weights_hash;
};

/// Opens models, each once.
class ModelCache {
 public:
  /// The model of a checkpoint folder. `CheckpointError` as of `open_model`.
  std::shared_ptr<const OpenedModel> open(const std::filesystem::path& checkpoint);

  /// How many models were read and hashed.
  int64_t opened() const { return static_cast<int64_t>(models_.size()); }

 private:
  std::map<std::filesystem::path, std::shared_ptr<const OpenedModel>> models_;
};

/// The checkpoint folder that a person's path means; for an empty one that of the newest run, which
/// is told on the log. `CheckpointError` if nothing is there.
std::filesystem::path find_checkpoint(const std::string& given);

/// The model of a checkpoint folder, without a hash of its weights. `CheckpointError` naming the
/// file that is missing or wrong, or saying why the model draws no images.
OpenedModel open_model(const std::filesystem::path& checkpoint);

/// The sampling settings of a model with `overrides` over them. Another sampler takes back what
/// belongs to the checkpoint's own. `UserError` for a variance that the model does not predict.
SampleConfig resolve_sampling(const OpenedModel& model, const SettingOverrides& overrides);

/// Warns of a chain of timesteps that ends where an image is still to be seen, while sampling
/// begins with pure noise.
void warn_of_unseen_start(const DiffusionConfig& diffusion);

/// Warns if sampler, variance and number of steps leave noise in the images: the large variance
/// does unless steps are small.
void warn_of_large_variance(const SampleConfig& sample, const DiffusionConfig& diffusion);

/// The class that `word` names or numbers. `UserError` that lists the known ones.
int64_t parse_class(const std::string& word, const Signature& signature);

/// The classes of a text "A,B,..."; none without one.
std::vector<int64_t> parse_classes(const std::optional<std::string>& given,
                                   const Signature& signature);

/// The network on `device`, to compute in `precision`.
Network make_model(const ModelFolder& pipeline, torch::Device device, Precision precision);

/// Draws two batches of one step in each precision; gives the faster.
Precision probe_sampling_precision(const ModelFolder& pipeline, torch::Device device,
                                   int64_t batch);

}  // namespace ddpm
