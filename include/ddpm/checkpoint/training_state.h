#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

namespace ddpm {

/// Where a run stands: with the tensors below, all that going on exactly needs.
struct TrainingState {
  int64_t step = 0;                    // optimizer steps done
  std::optional<int64_t> total_steps;  // once known; planned anew now and then within a time budget
  int64_t decay_start = 0;             // step from which the learning rate decays
  double decay_done = 0.0;             // part of the decay that was over by then
  double seconds = 0.0;                // spent in training, over all sessions
  double loss_sum = 0.0;               // of the steps since the last line of metrics
  int64_t loss_steps = 0;              // their number
  // Likewise, of each extra of the objective, by its name.
  std::map<std::string, double> extra_sums = {};
  double grad_norm = 0.0;       // of the last step; 0 if it is not finite
  double lr = 0.0;              // likewise
  bool evaluation_due = false;  // at this step: someone asked for a stop in it
  int64_t bad_steps = 0;        // the last so many steps had a loss or gradient that is not finite
  int64_t skipped_steps = 0;    // all of them so far, which changed nothing
  std::optional<double> best_score = {};  // the lowest of the evaluations so far
  int64_t best_step = 0;                  // its step; 0 if not known
  std::string began_from = {};            // the model whose weights it began with; empty: none
  int64_t dataset_images = 0;
  std::string dataset_fingerprint = {};  // see `DatasetInfo`; empty: not known
  int64_t threads = 0;         // of the session that wrote it
  std::string device = "cpu";  // likewise
};

/// The content of `training/state.json`.
nlohmann::json training_state_to_json(const TrainingState& state);

/// Reads it back. `CheckpointError` starting with `origin` if something is missing or damaged, or
/// from a newer version of the program.
TrainingState training_state_from_json(const nlohmann::json& object, const std::string& origin);

}  // namespace ddpm
