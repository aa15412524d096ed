#include "ddpm/train/operator_profile.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <string_view>
#include <utility>

#include <ATen/record_function.h>
#include <torch/types.h>

#include "ddpm/train/plan.h"
#include "ddpm/train/training_step.h"

namespace ddpm {
namespace {

using Clock = std::chrono::steady_clock;

/// What the running profile has seen. Callbacks of LibTorch carry no user data, so it has to be
/// found by thread.
struct Record {
  std::map<std::string, ProfileRow> rows;
  std::vector<double> inner_seconds;  // of the operators that each open operator has called
};
thread_local Record* active_record = nullptr;

struct Started : at::ObserverContext {
  Clock::time_point time = Clock::now();
};

std::unique_ptr<at::ObserverContext> on_start(const at::RecordFunction&) {
  if (active_record == nullptr) return nullptr;
  active_record->inner_seconds.push_back(0.0);
  return std::make_unique<Started>();
}

void on_end(const at::RecordFunction& function, at::ObserverContext* context) {
  if (active_record == nullptr || context == nullptr) return;
  const auto since = Clock::now() - static_cast<Started*>(context)->time;
  const double seconds = std::chrono::duration<double>(since).count();
  auto& open = active_record->inner_seconds;
  auto& row = active_record->rows[function.name()];
  row.seconds += seconds - open.back();
  ++row.calls;
  open.pop_back();
  if (!open.empty()) open.back() += seconds;
}

/// An operator belongs to the first kind with a part of its name.
constexpr std::pair<std::string_view, std::string_view> kKinds[] = {
    {"group_norm", "group norm + SiLU"},
    {"GroupNorm", "group norm + SiLU"},
    {"native_batch_norm", "group norm + SiLU"},
    {"convolution", "convolution"},
    {"Convolution", "convolution"},
    {"attention", "attention"},
    {"Attention", "attention"},
    {"softmax", "attention"},
    {"Softmax", "attention"},
    {"bmm", "attention"},
    {"adam", "optimizer and EMA"},
    {"muon", "optimizer and EMA"},
    {"lerp", "optimizer and EMA"},
    {"norm", "optimizer and EMA"},
    {"mm", "linear"},
    {"linear", "linear"},
    {"upsample", "resampling and concatenation"},
    {"Upsample", "resampling and concatenation"},
    {"avg_pool", "resampling and concatenation"},
    {"::cat", "resampling and concatenation"},
    {"copy", "copies and casts"},
    {"clone", "copies and casts"},
    {"contiguous", "copies and casts"},
    {"_to", "copies and casts"},
    {"noising", "batch and noise"},
    {"silu", "elementwise"},
    {"aten::add", "elementwise"},
    {"aten::mul", "elementwise"},
    {"aten::div", "elementwise"},
    {"aten::sub", "elementwise"},
    {"aten::sum", "elementwise"},
    {"aten::fill", "elementwise"},
    {"aten::zero", "elementwise"},
    {"mse_loss", "elementwise"},
};

std::string_view kind_of(std::string_view name) {
  for (const auto& [part, kind] : kKinds) {
    if (name.find(part) != std::string_view::npos) return kind;
  }
  return "other";
}

std::vector<ProfileRow> sorted(const std::map<std::string, ProfileRow>& rows) {
  std::vector<ProfileRow> list;
  for (const auto& [name, row] : rows)
    list.push_back({name, row.seconds, row.calls});
  std::ranges::stable_sort(list, std::greater<>(), &ProfileRow::seconds);
  return list;
}

std::string table_line(const ProfileRow& row, double seconds, int64_t steps) {
  const auto count = static_cast<double>(steps);
  char line[160];
  std::snprintf(line, sizeof(line), "%-44.44s %9.2f %6.1f %% %8.1f\n", row.name.c_str(),
                1000.0 * row.seconds / count, 100.0 * row.seconds / seconds,
                static_cast<double>(row.calls) / count);
  return line;
}

}  // namespace

OperatorProfile::OperatorProfile() {
  TORCH_CHECK(active_record == nullptr, "another profile is running on this thread");
  active_record = new Record;  // owned until the destructor; a plain pointer can be thread_local
  callback_ = at::addThreadLocalCallback(
      at::RecordFunctionCallback(on_start, on_end)
          .scopes({at::RecordScope::FUNCTION, at::RecordScope::USER_SCOPE}));
}

OperatorProfile::~OperatorProfile() {
  at::removeCallback(callback_);
  delete std::exchange(active_record, nullptr);
}

std::vector<ProfileRow> OperatorProfile::operators() const {
  return sorted(active_record->rows);
}

std::vector<ProfileRow> by_kind(const std::vector<ProfileRow>& operators) {
  std::map<std::string, ProfileRow> kinds;
  for (const auto& row : operators) {
    auto& kind = kinds[std::string(kind_of(row.name))];
    kind.seconds += row.seconds;
    kind.calls += row.calls;
  }
  return sorted(kinds);
}

std::string profile_table(const std::vector<ProfileRow>& operators, double seconds, int64_t steps) {
  constexpr size_t kOperatorsShown = 20;
  const std::string head = "                                    ms a step   share    calls\n";
  double accounted = 0.0;
  std::string table = "kind of operator" + head;
  for (const auto& row : by_kind(operators)) {
    accounted += row.seconds;
    table += table_line(row, seconds, steps);
  }
  table += table_line({"between operators", seconds - accounted, 0}, seconds, steps);
  table += table_line({"whole step", seconds, steps}, seconds, steps);
  table += "\noperator        " + head;
  for (size_t i = 0; i < std::min(kOperatorsShown, operators.size()); ++i)
    table += table_line(operators[i], seconds, steps);
  return table;
}

TrainingProfile profile_training(const Config& config, const TrainingData& data,
                                 const torch::Device& device, int64_t steps) {
  constexpr int64_t kUncounted = 3;  // set-up of operators and allocators
  TrainingModel model = make_training_model(config, device);
  TrainingStep step(config, data, model, device);
  const auto take = [&](int64_t first, int64_t count) {
    StepResult result;
    for (int64_t i = first; i < first + count; ++i)
      result = step.run(i, config.train.lr);
    result.loss.item<float>();  // on a GPU: wait for the work
  };
  take(0, kUncounted);
  const OperatorProfile profile;
  const auto start = Clock::now();
  take(kUncounted, steps);
  const std::chrono::duration<double> seconds = Clock::now() - start;
  return {profile.operators(), seconds.count()};
}

}  // namespace ddpm
