#include "ddpm/app/eval_sweep.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "ddpm/app/eval_context.h"
#include "ddpm/app/eval_run.h"
#include "ddpm/app/evaluate.h"
#include "ddpm/app/opened_model.h"
#include "ddpm/app/result_files.h"
#include "ddpm/config/settings.h"
#include "ddpm/runtime/device.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/log.h"
#include "ddpm/util/number.h"
#include "ddpm/util/sha256.h"
#include "ddpm/util/stop.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

std::vector<std::string> known_axes() {
  std::vector<std::string> names{"checkpoint", "seed"};
  Config config;
  constexpr std::string_view kSection = "sample.";
  for (const auto& setting : settings(config))
    if (setting.key.starts_with(kSection)) names.emplace_back(setting.key.substr(kSection.size()));
  return names;
}

uint64_t parse_seed(const std::string& text) {
  const auto seed = parse_number<int64_t>(text).value_or(-1);
  if (seed >= 0) return static_cast<uint64_t>(seed);
  throw UserError("`sweep` seed: expected whole numbers from 0, got '", text, "'");
}

std::string cell_text(const SweepCell& cell) {
  std::vector<std::string> words;
  for (const auto& [name, value] : cell)
    words.push_back(name + "=" + value);
  return join(words, " ");
}

bool has_axis(const std::vector<SweepAxis>& axes, const std::string& name) {
  return std::ranges::find(axes, name, &SweepAxis::name) != axes.end();
}

/// The key of what the numbers of a cell depend on: a results file may hold cells of other sweeps.
std::string cell_key(const EvalPlan& plan, const EvalContext& context) {
  Sha256 hash;
  hash.update(model_identity(plan) + context.identity + "\n");
  for (const int64_t label : plan.labels)
    hash.update(std::to_string(label) + ",");
  hash.update("\n" + std::to_string(plan.count) + " " + std::to_string(plan.seed()) + "\n");
  hash.update(identity_of(options_for(plan, context.metrics)));
  if (context.metrics.has(Metric::kBitsPerDim))
    hash.update(std::to_string(plan.bits_images) + " " + std::to_string(plan.bits.draws) + " " +
                std::to_string(static_cast<int>(plan.bits.method)));
  return hash.finish().substr(0, 16);
}

/// What was asked for besides the cells, as a text for the file's name.
std::string asked_text(const EvalRequest& request) {
  std::string text;
  for (const auto& axis : request.sweep)
    text += axis.name + "=" + join(axis.values, ",") + "\n";
  text += request.all ? "all" : request.metrics.words();
  for (const auto& [key, value] : request.settings.texts())
    text += "\n" + key + "=" + value;
  return text + "\n" + request.classes.value_or("") + "\n" +
         std::to_string(request.count.value_or(0)) + "\n" + std::to_string(request.seed) + "\n" +
         request.reference + "\n" + request.features;
}

/// DIR/NAME without ending; what a person gave without its own.
fs::path base_path(const EvalPlan& plan, const EvalRequest& request) {
  if (!request.out.empty()) return fs::path(request.out).replace_extension();
  const auto text = asked_text(request) + plan.checkpoint.filename().string();
  const auto name = "sweep-" + sha256(text).substr(0, 8);
  const auto path = plan.run.empty() ? fs::path(name) : plan.run / "eval" / name;
  return path.lexically_proximate(fs::current_path());
}

void check(const EvalRequest& request) {
  if (!request.images.empty()) throw UserError("`sweep`: needs a model that draws, got `images`");
  if (!request.save_images.empty()) throw UserError("`sweep` and `save_images`: give one of them");
  for (size_t i = 0; i < request.sweep.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (request.sweep[i].name == request.sweep[j].name)
        throw UserError("`sweep` ", request.sweep[i].name, ": is given twice");
  if (has_axis(request.sweep, "checkpoint") && !request.save_stats.empty())
    throw UserError("`save_stats`: each checkpoint of the sweep may have another reference");
}

/// A sweep on its way: the plans of its cells, and what they share.
class Sweep {
 public:
  explicit Sweep(const EvalRequest& request)
      : request_(request),
        cells_(sweep_cells(request.sweep)) {
    if (request_.checkpoint.empty() && !has_axis(request_.sweep, "checkpoint"))
      request_.checkpoint = find_checkpoint("").string();
    // A wrong cell shows now, not after hours, and then what a context lacks.
    for (const auto& cell : cells_)
      plans_.push_back(plan_evaluation(with(request_, cell), models_));
    const auto& first = plans_.front();
    device_.emplace(first.device, first.precision, first.cudnn_autotune);
    base_ = base_path(plans_.front(), request_);
    file_.emplace(base_, !request_.out.empty());
    for (const auto& plan : plans_)
      context_of(plan);
  }

  void run(const ShowSweep& show) {
    SweepResults results;
    for (size_t i = 0; i < cells_.size(); ++i) {
      const auto key = cell_key(plans_[i], context_of(plans_[i]));
      if (file_->find(key) == nullptr) {
        log_info("cell " + std::to_string(i + 1) + "/" + std::to_string(cells_.size()) + ": " +
                 cell_text(cells_[i]));
        score(i, key, results, show);
      }
      results.rows.push_back({.cell = cells_[i], .result = *file_->find(key)});
    }
    results.content = file_->content();
    show(results);
    file_->write_pictures(request_.sweep, results.rows);
    log_info("written: " + base_.string() + ".json, .csv and .svg");
    save_reference(context_of(plans_.front()), plans_.front());
  }

 private:
  const EvalContext& context_of(const EvalPlan& plan) {
    const auto key = context_key(plan);
    const auto made = contexts_.find(key);
    if (made != contexts_.end()) return made->second;
    return contexts_.emplace(key, make_eval_context(plan)).first->second;
  }

  void score(size_t i, const std::string& key, SweepResults& results, const ShowSweep& show) {
    const auto result = run_evaluation(plans_[i], context_of(plans_[i]));
    try {
      file_->put(key, cells_[i], result);
    } catch (const DiskError&) {  // must not cost a person the numbers
      results.rows.push_back({.cell = cells_[i], .result = result_json(result)});
      results.content = file_->content();
      show(results);
      throw;
    }
    forget_partials(result);
  }

  EvalRequest request_;
  std::vector<SweepCell> cells_;
  ModelCache models_;
  std::vector<EvalPlan> plans_;
  std::optional<DeviceScope> device_;  // all cells are on one
  fs::path base_;
  std::optional<SweepFile> file_;
  std::map<std::string, EvalContext> contexts_;
};

}  // namespace

SweepAxis parse_sweep(const std::string& text) {
  const auto sign = text.find('=');
  if (sign == text.npos || sign + 1 == text.size())
    throw UserError("`sweep` ", text, ": expected NAME=A,B,...");
  SweepAxis axis{.name = text.substr(0, sign), .values = {}};
  if (axis.name.starts_with("sample.")) axis.name.erase(0, 7);
  std::ranges::replace(axis.name, '-', '_');
  const auto known = known_axes();
  if (std::ranges::find(known, axis.name) == known.end())
    throw UserError("`sweep` ", text, ": unknown setting '", axis.name, "'; did you mean '",
                    nearest(axis.name, known), "'?");
  for (const auto& word : split(std::string_view(text).substr(sign + 1), ',')) {
    const std::string value(trim(word));
    if (value.empty()) throw UserError("`sweep` ", text, ": a value is empty");
    if (std::ranges::find(axis.values, value) != axis.values.end())
      throw UserError("`sweep` ", text, ": ", value, " is there twice");
    axis.values.push_back(value);
  }
  return axis;
}

std::vector<SweepCell> sweep_cells(const std::vector<SweepAxis>& axes) {
  std::vector<SweepCell> cells(1);
  for (const auto& axis : axes) {
    std::vector<SweepCell> longer;
    for (const auto& cell : cells) {
      for (const auto& value : axis.values) {
        longer.push_back(cell);
        longer.back().emplace_back(axis.name, value);
      }
    }
    cells = std::move(longer);
  }
  return cells;
}

EvalRequest with(const EvalRequest& request, const SweepCell& cell) {
  EvalRequest changed = request;
  for (const auto& [name, value] : cell) {
    if (name == "checkpoint") {
      changed.checkpoint = value;
    } else if (name == "seed") {
      changed.seed = parse_seed(value);
    } else {
      changed.settings.put("sample." + name, value);
    }
  }
  return changed;
}

void run_sweep(const EvalRequest& request, const ShowSweep& show) {
  const StopScope stop(request.runtime.stop);
  check(request);
  Sweep(request).run(show);
}

}  // namespace ddpm
