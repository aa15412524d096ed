#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/data/training_data.h"

namespace ddpm {

/// What operators of one kind took, without the operators that they call.
struct ProfileRow {
  std::string name;  // of the kind, or of the operator
  double seconds = 0.0;
  int64_t calls = 0;
};

/// Watches every LibTorch operator that runs while it lives, on this thread, and adds up their own
/// time. One at a time. On a GPU the times are those of the launches only.
class OperatorProfile {
 public:
  OperatorProfile();
  ~OperatorProfile();
  OperatorProfile(const OperatorProfile&) = delete;
  OperatorProfile& operator=(const OperatorProfile&) = delete;

  /// By operator, the longest first.
  std::vector<ProfileRow> operators() const;

 private:
  uint64_t callback_;
};

/// The rows added up by kind of operator (convolution, group norm, attention, ...), the longest
/// first; what belongs to no kind is "other".
std::vector<ProfileRow> by_kind(const std::vector<ProfileRow>& operators);

/// A table for people: milliseconds a step, share of the step, and calls a step, by kind and then
/// by operator. `seconds` is the whole time of the `steps` steps; what no operator accounts for is
/// a row of its own.
std::string profile_table(const std::vector<ProfileRow>& operators, double seconds, int64_t steps);

/// What some training steps took.
struct TrainingProfile {
  std::vector<ProfileRow> operators;
  double seconds = 0.0;  // of all steps together
};

/// Takes `steps` steps of a fresh model, after a few that are not counted, and writes nothing.
TrainingProfile profile_training(const Config& config, const TrainingData& data,
                                 const torch::Device& device, int64_t steps);

}  // namespace ddpm
