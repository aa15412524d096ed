#include "ddpm/checkpoint/training_state.h"

#include "ddpm/util/error.h"

namespace ddpm {
namespace {

using nlohmann::json;

constexpr int64_t kStateVersion = 1;

TrainingState parse_state(const json& object) {
  TrainingState state;
  state.step = object.at("step").get<int64_t>();
  if (!object.at("total_steps").is_null()) {
    state.total_steps = object.at("total_steps").get<int64_t>();
  }
  state.decay_start = object.at("decay_start").get<int64_t>();
  state.seconds = object.at("seconds").get<double>();
  state.loss_sum = object.at("loss_sum").get<double>();
  state.loss_steps = object.at("loss_steps").get<int64_t>();
  state.accuracy_sum = object.value("accuracy_sum", 0.0);
  state.bad_steps = object.value("bad_steps", int64_t{0});
  state.skipped_steps = object.value("skipped_steps", int64_t{0});
  const json best = object.value("best_score", json(nullptr));
  if (!best.is_null()) state.best_score = best.get<double>();
  state.dataset_images = object.at("dataset_images").get<int64_t>();
  state.threads = object.at("threads").get<int64_t>();
  state.device = object.at("device").get<std::string>();
  return state;
}

}  // namespace

json training_state_to_json(const TrainingState& state) {
  return {{"version", kStateVersion},
          {"step", state.step},
          {"total_steps", state.total_steps ? json(*state.total_steps) : json(nullptr)},
          {"decay_start", state.decay_start},
          {"seconds", state.seconds},
          {"loss_sum", state.loss_sum},
          {"loss_steps", state.loss_steps},
          {"accuracy_sum", state.accuracy_sum},
          {"bad_steps", state.bad_steps},
          {"skipped_steps", state.skipped_steps},
          {"best_score", state.best_score ? json(*state.best_score) : json(nullptr)},
          {"dataset_images", state.dataset_images},
          {"threads", state.threads},
          {"device", state.device}};
}

TrainingState training_state_from_json(const json& object, const std::string& origin) {
  try {
    const auto version = object.at("version").get<int64_t>();
    if (version > kStateVersion) {
      throw CheckpointError(origin, ": written by a newer ddpm (state version ", version,
                            ", this one reads up to ", kStateVersion, ")");
    }
    return parse_state(object);
  } catch (const json::exception& error) {
    throw CheckpointError(origin, ": damaged: ", error.what());
  }
}

}  // namespace ddpm
