#include "ddpm/checkpoint/training_checkpoint.h"

#include <map>
#include <utility>
#include <vector>

#include "ddpm/checkpoint/checksums.h"
#include "ddpm/checkpoint/components.h"
#include "ddpm/checkpoint/json.h"
#include "ddpm/checkpoint/model_folder.h"
#include "ddpm/checkpoint/safetensors.h"
#include "ddpm/checkpoint/safetensors_header.h"
#include "ddpm/checkpoint/unet_config.h"
#include "ddpm/config/network_config.h"
#include "ddpm/config/yaml.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

constexpr const char* kEma = "training/ema.safetensors";
constexpr const char* kExpAvg = "training/exp_avg.safetensors";
constexpr const char* kExpAvgSq = "training/exp_avg_sq.safetensors";
constexpr const char* kTimestepSampler = "training/timestep_sampler.safetensors";
constexpr const char* kState = "training/state.json";

/// The raw weights in a checkpoint.
fs::path weights_file(const Component& component) {
  return fs::path("training") / (component.name + ".safetensors");
}

uint64_t bytes_of(const NamedTensors& tensors) {
  uint64_t bytes = 0;
  for (const auto& [name, tensor] : tensors)
    bytes += tensor.nbytes();
  return bytes;
}

/// Takes what serves training alone out of `averages`.
NamedTensors split_off_training(NamedTensors& averages) {
  NamedTensors training;
  for (const auto& [name, tensor] : averages)
    if (serves_training_alone(name)) training.emplace(name, tensor);
  for (const auto& [name, tensor] : training)
    averages.erase(name);
  return training;
}

void write_files(const fs::path& path, const Config& config, const TrainingState& state,
                 const TrainingTensors& tensors, const NamedTensors& timestep_sampler) {
  auto averages = tensors.ema;
  const auto training = split_off_training(averages);
  save_model_folder(path, config, averages);
  make_folder(path / "training");
  if (!training.empty()) save_safetensors(path / kEma, training);
  write_file_atomic(path / "config.yaml", to_yaml(config));
  save_safetensors(path / weights_file(component_of(network_config(config))), tensors.weights);
  save_safetensors(path / kExpAvg, tensors.exp_avg);
  save_safetensors(path / kExpAvgSq, tensors.exp_avg_sq);
  if (!timestep_sampler.empty()) save_safetensors(path / kTimestepSampler, timestep_sampler);
  write_file_atomic(path / kState, format_json(training_state_to_json(state)));
  write_checksums(path);
}

struct TensorFiles {
  fs::path ema;
  fs::path training_ema;  // may not be there
  fs::path weights;
  fs::path exp_avg;
  fs::path exp_avg_sq;
};

TensorFiles tensor_files(const fs::path& checkpoint) {
  const auto& component = component_in(checkpoint);
  return {.ema = checkpoint / component.name / component.weights_file,
          .training_ema = checkpoint / kEma,
          .weights = checkpoint / weights_file(component),
          .exp_avg = checkpoint / kExpAvg,
          .exp_avg_sq = checkpoint / kExpAvgSq};
}

std::map<std::string, std::vector<int64_t>> shapes_in(const fs::path& file) {
  std::map<std::string, std::vector<int64_t>> shapes;
  for (auto& entry : load_safetensors_header(file).entries)
    shapes.emplace(entry.name, std::move(entry.shape));
  return shapes;
}

void check_same_tensors(const TensorFiles& files) {
  auto shapes = shapes_in(files.ema);
  if (fs::exists(files.training_ema)) shapes.merge(shapes_in(files.training_ema));
  for (const auto& file : {files.weights, files.exp_avg, files.exp_avg_sq})
    if (shapes_in(file) != shapes)
      throw CheckpointError(file.string(), ": damaged, expected the tensors of ",
                            files.ema.string());
}

}  // namespace

void save_training_checkpoint(const fs::path& target, const Config& config,
                              const TrainingState& state, const TrainingTensors& tensors,
                              const NamedTensors& timestep_sampler) {
  try {
    AtomicDirectory folder(target);
    write_files(folder.path(), config, state, tensors, timestep_sampler);
    folder.commit();
  } catch (const fs::filesystem_error& error) {  // someone removes it while it is made
    throw DiskError(error.path1().string(), ": ", error.code().message());
  } catch (const DataError& error) {
    throw DiskError(error.what());
  }
}

uint64_t checkpoint_bytes(const TrainingTensors& tensors, const NamedTensors& timestep_sampler) {
  constexpr uint64_t kSmallFiles = 65'536;  // and what is left of the last block of each file
  const uint64_t headers = 4 * 128 * tensors.ema.size();
  return kSmallFiles + headers + bytes_of(tensors.ema) + bytes_of(tensors.weights) +
         bytes_of(tensors.exp_avg) + bytes_of(tensors.exp_avg_sq) + bytes_of(timestep_sampler);
}

fs::path network_config_file(const fs::path& checkpoint, const Config& config) {
  return component_of(network_config(config)).config_file(checkpoint);
}

json network_config_to_json(const Config& config) {
  const auto network = network_config(config);
  return component_of(network).write(network);
}

Config load_checkpoint_config(const fs::path& checkpoint) {
  try {
    return load_config(checkpoint / "config.yaml");
  } catch (const UserError& error) {
    throw CheckpointError(error.what());
  }
}

TrainingState load_training_state(const fs::path& checkpoint) {
  const auto file = checkpoint / kState;
  return training_state_from_json(load_json(file), file.string());
}

void check_training_checkpoint(const fs::path& checkpoint) {
  try {
    verify_checksums(checkpoint);
    load_checkpoint_config(checkpoint);
    load_training_state(checkpoint);
    check_same_tensors(tensor_files(checkpoint));
  } catch (const fs::filesystem_error& error) {
    throw CheckpointError(error.path1().string(), ": cannot read: ", error.code().message());
  }
}

void check_weights_suffice(const fs::path& checkpoint, const Config& config) {
  uint64_t numbers = 0;
  for (const auto& entry : load_safetensors_header(tensor_files(checkpoint).ema).entries)
    numbers += (entry.end - entry.begin) / sizeof(float);
  const auto network = network_config(config);
  check_weight_count(numbers, component_of(network).least_parameters(network), checkpoint);
}

TrainingTensors load_training_tensors(const fs::path& checkpoint) {
  const auto files = tensor_files(checkpoint);
  auto ema = load_finite_safetensors(files.ema);
  if (fs::exists(files.training_ema)) ema.merge(load_finite_safetensors(files.training_ema));
  return {.ema = std::move(ema),
          .weights = load_finite_safetensors(files.weights),
          .exp_avg = load_finite_safetensors(files.exp_avg),
          .exp_avg_sq = load_finite_safetensors(files.exp_avg_sq)};
}

NamedTensors load_timestep_sampler(const fs::path& checkpoint) {
  const auto file = checkpoint / kTimestepSampler;
  return fs::exists(file) ? load_finite_safetensors(file) : NamedTensors();
}

}  // namespace ddpm
