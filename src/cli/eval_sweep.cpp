#include "ddpm/cli/eval_sweep.h"

#include <algorithm>
#include <iostream>
#include <map>

#include "ddpm/checkpoint/json.h"
#include "ddpm/cli/eval_context.h"
#include "ddpm/cli/eval_report.h"
#include "ddpm/cli/eval_run.h"
#include "ddpm/cli/model_choice.h"
#include "ddpm/cli/sweep_results.h"
#include "ddpm/config/settings.h"
#include "ddpm/data/image_io.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/log.h"
#include "ddpm/util/number.h"
#include "ddpm/util/sha256.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

std::vector<std::string> known_axes() {
  std::vector<std::string> names{"checkpoint", "seed"};
  Config config;
  constexpr std::string_view kSection = "sample.";
  for (const auto& setting : settings(config))
    if (setting.key.starts_with(kSection)) names.emplace_back(setting.key.substr(kSection.size()));
  return names;
}

SweepAxis parse_sweep(const std::string& text) {
  const auto sign = text.find('=');
  if (sign == text.npos || sign + 1 == text.size())
    throw UserError("--sweep ", text, ": expected NAME=A,B,...");
  SweepAxis axis{.name = text.substr(0, sign), .values = {}};
  if (axis.name.starts_with("sample.")) axis.name.erase(0, 7);
  std::ranges::replace(axis.name, '-', '_');
  const auto known = known_axes();
  if (std::ranges::find(known, axis.name) == known.end())
    throw UserError("--sweep ", text, ": unknown setting '", axis.name, "'; did you mean '",
                    nearest(axis.name, known), "'?");
  for (const auto& word : split(std::string_view(text).substr(sign + 1), ',')) {
    const std::string value(trim(word));
    if (value.empty()) throw UserError("--sweep ", text, ": a value is empty");
    if (std::ranges::find(axis.values, value) != axis.values.end())
      throw UserError("--sweep ", text, ": ", value, " is there twice");
    axis.values.push_back(value);
  }
  return axis;
}

uint64_t parse_seed(const std::string& text) {
  const auto seed = parse_number<int64_t>(text).value_or(-1);
  if (seed >= 0) return static_cast<uint64_t>(seed);
  throw UserError("--sweep seed: expected whole numbers from 0, got '", text, "'");
}

std::string cell_text(const SweepCell& cell) {
  std::vector<std::string> words;
  for (const auto& [name, value] : cell)
    words.push_back(name + "=" + value);
  return join(words, " ");
}

/// A digit a metric.
std::string selection_text(const MetricSelection& m) {
  std::string text;
  for (const bool asked :
       {m.frechet, m.kernel, m.inception_score, m.manifold, m.frechet_infinity, m.class_agreement,
        m.per_class, m.diversity, m.neighbours, m.bits_per_dim})
    text += asked ? "1" : "0";
  return text;
}

/// What the numbers of a cell depend on: a results file may hold cells of other sweeps.
std::string cell_key(const EvalJob& job, const EvalFlags& flags, const EvalContext& context) {
  Sha256 hash;
  hash.update(model_identity(job) + context.identity);
  hash.update(flags.classes.value_or("") + " " + std::to_string(flags.seed) + " " +
              std::to_string(job.count) + " " + std::to_string(flags.nearest) + " " +
              std::to_string(flags.kid_subsets) + " " + std::to_string(flags.kid_subset_size) +
              " " + std::to_string(flags.bits.images) + " " + std::to_string(flags.bits.draws) +
              " " + flags.bits.method);
  hash.update(selection_text(context.metrics));
  return hash.finish().substr(0, 16);
}

/// What was asked for besides the cells, as a text for the file's name.
std::string asked_text(const EvalFlags& flags) {
  std::string text;
  for (const auto& sweep : flags.sweeps)
    text += sweep + "\n";
  text += (flags.all ? "1" : "0") + selection_text(flags.metrics);
  for (const auto& [key, value] : flags.settings)
    text += "\n" + key + "=" + value;
  return text + "\n" + flags.classes.value_or("") + "\n" + std::to_string(flags.count.value_or(0)) +
         "\n" + std::to_string(flags.seed) + "\n" + flags.reference + "\n" + flags.features;
}

/// DIR/NAME without ending; `--out` without its own.
fs::path base_path(const EvalJob& job, const EvalFlags& flags) {
  if (!flags.out.empty()) return fs::path(flags.out).replace_extension();
  const auto name =
      "sweep-" + sha256(asked_text(flags) + job.checkpoint.filename().string()).substr(0, 8);
  const auto path = job.run.empty() ? fs::path(name) : job.run / "eval" / name;
  return path.lexically_proximate(fs::current_path());
}

/// The results of earlier calls, by key, with the table and the plot beside them.
class ResultsFile {
 public:
  /// `base` is their path without ending. One that a person gave may be that of other files, which
  /// are not replaced.
  ResultsFile(const fs::path& base, bool given) : base_(base.string()) {
    make_folder(base.parent_path());
    if (!fs::exists(json_path())) {
      if (!given) return;
      for (const char* ending : {".csv", ".svg"})
        if (fs::exists(base_ + ending))
          throw UserError("--out ", base_, ending, ": exists already; give another name");
      return;
    }
    content_ = load(json_path());
    const bool is_sweep =
        content_.is_object() && content_.contains("cells") && content_["cells"].is_object() &&
        std::ranges::all_of(content_["cells"], [](const Json& cell) {
          return cell.is_object() && cell.contains("result") && cell["result"].is_object();
        });
    if (!is_sweep)
      throw DataError(json_path(), ": is no file of a sweep; give another name with --out");
  }

  std::string json_path() const { return base_ + ".json"; }

  const Json* find(const std::string& key) const {
    const auto& cells = content_.at("cells");
    const auto found = cells.find(key);
    return found == cells.end() ? nullptr : &found->at("result");
  }

  void put(const std::string& key, const SweepCell& cell, const EvalResult& result) {
    Json settings = Json::object();
    for (const auto& [name, value] : cell)
      settings[name] = value;
    content_["cells"][key] = {{"settings", settings}, {"result", result_json(result)}};
    write_file_atomic(json_path(), shown_json(content_, 1) + "\n");
    if (result.closest_pairs)
      write_file_atomic(base_ + "-" + key + "-neighbours.png", encode_png(*result.closest_pairs));
  }

  void write_pictures(const std::vector<SweepAxis>& axes, const std::vector<SweepRow>& rows) const {
    write_file_atomic(base_ + ".csv", sweep_csv(rows));
    write_file_atomic(base_ + ".svg", to_svg(sweep_plot(axes, rows)));
  }

  const Json& content() const { return content_; }

 private:
  static Json load(const std::string& path) {
    try {
      return load_ordered_json(path);
    } catch (const CheckpointError& error) {
      throw DataError(error.what(), "; give another name with --out");
    }
  }

  std::string base_;
  Json content_ = {{"cells", Json::object()}};
};

/// Contexts of the cells, each made when it is first needed.
class Contexts {
 public:
  const EvalContext& of(const EvalJob& job, const EvalFlags& flags) {
    const auto key = context_key(job);
    const auto made = made_.find(key);
    if (made != made_.end()) return made->second;
    return made_.emplace(key, make_eval_context(job, flags)).first->second;
  }

 private:
  std::map<std::string, EvalContext> made_;
};

void check(const EvalFlags& flags) {
  if (!flags.images.empty()) throw UserError("--sweep: needs a model that draws, got --images");
  if (!flags.save_images.empty()) throw UserError("--sweep and --save-images: give one of them");
}

void print(const EvalFlags& flags, const ResultsFile& file, const std::vector<SweepRow>& rows) {
  std::cout << (flags.common.json ? shown_json(file.content()) + "\n" : sweep_csv(rows))
            << std::flush;
}

bool sweeps_checkpoints(const std::vector<SweepAxis>& axes) {
  return std::ranges::find(axes, "checkpoint", &SweepAxis::name) != axes.end();
}

}  // namespace

std::vector<SweepAxis> parse_sweeps(const std::vector<std::string>& texts) {
  std::vector<SweepAxis> axes;
  for (const auto& text : texts) {
    auto axis = parse_sweep(text);
    if (std::ranges::find(axes, axis.name, &SweepAxis::name) != axes.end())
      throw UserError("--sweep ", axis.name, ": is given twice");
    axes.push_back(std::move(axis));
  }
  return axes;
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

EvalFlags flags_of(const EvalFlags& flags, const SweepCell& cell) {
  EvalFlags changed = flags;
  for (const auto& [name, value] : cell) {
    if (name == "checkpoint") {
      changed.checkpoint = value;
    } else if (name == "seed") {
      changed.seed = parse_seed(value);
    } else {
      changed.settings["sample." + name] = value;
    }
  }
  return changed;
}

void run_sweep(const EvalFlags& given) {
  check(given);
  EvalFlags flags = given;
  const auto axes = parse_sweeps(flags.sweeps);
  if (sweeps_checkpoints(axes) && !flags.save_stats.empty())
    throw UserError("--save-stats: each checkpoint of the sweep may have another reference");
  if (flags.checkpoint.empty() && !sweeps_checkpoints(axes))
    flags.checkpoint = find_checkpoint("").string();
  const auto cells = sweep_cells(axes);
  // A wrong cell shows now, not after hours, and then what a context lacks.
  std::map<std::string, EvalFlags> kinds;  // of contexts, each by the flags of one cell
  for (const auto& cell : cells) {
    const auto own = flags_of(flags, cell);
    kinds.emplace(context_key(make_eval_job(own)), own);
  }
  const auto first_flags = flags_of(flags, cells.front());
  const auto first = make_eval_job(first_flags);
  const auto base = base_path(first, flags);
  ResultsFile file(base, !flags.out.empty());
  Contexts contexts;
  for (const auto& [key, own] : kinds)
    contexts.of(make_eval_job(own), own);
  std::vector<SweepRow> rows;
  for (const auto& cell : cells) {
    const auto own = flags_of(flags, cell);
    const auto job = make_eval_job(own);
    const auto& context = contexts.of(job, own);
    const auto key = cell_key(job, own, context);
    if (file.find(key) == nullptr) {
      log_info("cell " + std::to_string(rows.size() + 1) + "/" + std::to_string(cells.size()) +
               ": " + cell_text(cell));
      const auto result = run_evaluation(job, own, context);
      try {
        file.put(key, cell, result);
      } catch (const DiskError&) {  // must not cost a person the numbers
        rows.push_back({.cell = cell, .result = result_json(result)});
        print(flags, file, rows);
        throw;
      }
      forget_partials(result);
    }
    rows.push_back({.cell = cell, .result = *file.find(key)});
  }
  print(flags, file, rows);
  file.write_pictures(axes, rows);
  log_info("written: " + base.string() + ".json, .csv and .svg");
  save_reference(contexts.of(first, first_flags), flags);
}

}  // namespace ddpm
