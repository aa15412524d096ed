#include "ddpm/checkpoint/training_state.h"

#include <algorithm>
#include <string_view>

#include "ddpm/util/error.h"

namespace ddpm {
namespace {

using nlohmann::json;

constexpr int64_t kStateVersion = 1;
constexpr std::string_view kSumEnding = "_sum";

/// `value` as a whole number from 0 to 10^12, so that counting on from it, and counting the images
/// of so many steps, does not overflow.
int64_t whole_number(const json& value, const std::string& origin) {
  constexpr uint64_t kMax = 1'000'000'000'000;
  const bool fits = value.is_number_integer() && value >= 0 && value.get<uint64_t>() <= kMax;
  if (!fits)
    throw CheckpointError(origin, ": damaged: expected a whole number, got ", value.dump());
  return value.get<int64_t>();
}

/// The sums beside that of the loss: NAME_sum.
std::map<std::string, double> extra_sums(const json& object) {
  std::map<std::string, double> sums;
  for (const auto& [key, value] : object.items())
    if (key.ends_with(kSumEnding) && key != "loss_sum")
      sums[key.substr(0, key.size() - kSumEnding.size())] = value.get<double>();
  return sums;
}

TrainingState parse_state(const json& object, const std::string& origin) {
  const auto whole = [&](const char* key) { return whole_number(object.at(key), origin); };
  TrainingState state;
  state.step = whole("step");
  if (!object.at("total_steps").is_null()) {
    state.total_steps = whole("total_steps");
  }
  state.decay_start = whole("decay_start");
  state.decay_done = std::clamp(object.value("decay_done", 0.0), 0.0, 1.0);
  state.seconds = object.at("seconds").get<double>();
  state.loss_sum = object.at("loss_sum").get<double>();
  state.loss_steps = whole("loss_steps");
  state.extra_sums = extra_sums(object);
  state.grad_norm = object.value("grad_norm", 0.0);
  state.lr = object.value("lr", 0.0);
  state.evaluation_due = object.value("evaluation_due", false);
  state.bad_steps = whole_number(object.value("bad_steps", json(0U)), origin);
  state.skipped_steps = whole_number(object.value("skipped_steps", json(0U)), origin);
  const json best = object.value("best_score", json(nullptr));
  if (!best.is_null()) state.best_score = best.get<double>();
  state.best_step = whole_number(object.value("best_step", json(0U)), origin);
  state.began_from = object.value("began_from", "");
  state.dataset_images = whole("dataset_images");
  state.dataset_fingerprint = object.value("dataset_fingerprint", "");
  state.threads = whole("threads");
  state.device = object.at("device").get<std::string>();
  return state;
}

}  // namespace

json training_state_to_json(const TrainingState& state) {
  json object{{"version", kStateVersion},
              {"step", state.step},
              {"total_steps", state.total_steps ? json(*state.total_steps) : json(nullptr)},
              {"decay_start", state.decay_start},
              {"decay_done", state.decay_done},
              {"seconds", state.seconds},
              {"loss_sum", state.loss_sum},
              {"loss_steps", state.loss_steps},
              {"grad_norm", state.grad_norm},
              {"lr", state.lr},
              {"evaluation_due", state.evaluation_due},
              {"bad_steps", state.bad_steps},
              {"skipped_steps", state.skipped_steps},
              {"best_score", state.best_score ? json(*state.best_score) : json(nullptr)},
              {"best_step", state.best_step},
              {"dataset_images", state.dataset_images},
              {"dataset_fingerprint", state.dataset_fingerprint},
              {"threads", state.threads},
              {"device", state.device}};
  if (!state.began_from.empty()) object["began_from"] = state.began_from;
  for (const auto& [name, sum] : state.extra_sums)
    object[name + std::string(kSumEnding)] = sum;
  return object;
}

TrainingState training_state_from_json(const json& object, const std::string& origin) {
  try {
    const int64_t version = whole_number(object.at("version"), origin);
    if (version > kStateVersion) {
      throw CheckpointError(origin, ": written by a newer ddpm (state version ", version,
                            ", this one reads up to ", kStateVersion, ")");
    }
    return parse_state(object, origin);
  } catch (const json::exception& error) {
    throw CheckpointError(origin, ": damaged: ", error.what());
  }
}

}  // namespace ddpm
