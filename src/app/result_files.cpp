#include "ddpm/app/result_files.h"

#include <algorithm>

#include "ddpm/checkpoint/json.h"
#include "ddpm/config/names.h"
#include "ddpm/data/image_io.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

/// runs/NAME/eval/step-000500-ddim50-g3-n10000-seed0
std::string base_name(const EvalPlan& plan) {
  auto name = plan.checkpoint.filename().string();
  if (!plan.options.metrics.needs_images()) return name + "-bpd";
  if (!plan.draws()) return name + "-" + fs::path(plan.images).stem().string();
  const auto& sample = plan.sample;
  name += "-" + std::string(to_name(sample.sampler)) + std::to_string(sample.steps);
  if (sample.guidance != 1.0) name += "-g" + format_number(sample.guidance);
  return name + "-n" + std::to_string(plan.count) + "-seed" + std::to_string(plan.seed());
}

Json load_sweep(const std::string& path) {
  try {
    return load_ordered_json(path);
  } catch (const CheckpointError& error) {
    throw DataError(error.what(), "; give another name with `out`");
  }
}

bool is_sweep(const Json& content) {
  if (!content.is_object() || !content.contains("cells")) return false;
  const auto& cells = content.at("cells");
  return cells.is_object() && std::ranges::all_of(cells, [](const Json& cell) {
           return cell.is_object() && cell.contains("result") && cell.at("result").is_object();
         });
}

}  // namespace

Json result_json(const EvalResult& result) {
  Json object = Json::object();
  for (const auto& metric : result.metrics)
    object[metric.key] = to_json(metric);
  for (const auto& [key, value] : result.settings.items())
    object[key] = value;
  return object;
}

fs::path result_file(const EvalPlan& plan) {
  if (!plan.out.result.empty()) return plan.out.result;
  if (plan.run.empty()) return {};
  const auto path = plan.run / "eval" / (base_name(plan) + ".json");
  return unused_path(path).lexically_proximate(fs::current_path());
}

void write_result(const EvalResult& result, const fs::path& path) {
  const auto folder = path.parent_path();
  make_folder(folder);
  write_file_atomic(path, shown_json(result_json(result)) + "\n");
  if (!result.closest_pairs) return;
  const auto picture = folder / (path.stem().string() + "-neighbours.png");
  write_file_atomic(picture, encode_png(*result.closest_pairs));
}

SweepFile::SweepFile(const fs::path& base, bool given) : base_(base.string()) {
  make_folder(base.parent_path());
  if (!fs::exists(json_path())) {
    if (!given) return;
    for (const char* ending : {".csv", ".svg"})
      if (fs::exists(base_ + ending))
        throw UserError("`out` ", base_, ending, ": exists already; give another name");
    return;
  }
  content_ = load_sweep(json_path());
  if (!is_sweep(content_))
    throw DataError(json_path(), ": is no file of a sweep; give another name with `out`");
}

const Json* SweepFile::find(const std::string& key) const {
  const auto& cells = content_.at("cells");
  const auto found = cells.find(key);
  return found == cells.end() ? nullptr : &found->at("result");
}

void SweepFile::put(const std::string& key, const SweepCell& cell, const EvalResult& result) {
  Json settings = Json::object();
  for (const auto& [name, value] : cell)
    settings[name] = value;
  content_["cells"][key] = {{"settings", settings}, {"result", result_json(result)}};
  write_file_atomic(json_path(), shown_json(content_, 1) + "\n");
  if (result.closest_pairs)
    write_file_atomic(base_ + "-" + key + "-neighbours.png", encode_png(*result.closest_pairs));
}

void SweepFile::write_pictures(const std::vector<SweepAxis>& axes,
                               const std::vector<SweepRow>& rows) const {
  write_file_atomic(base_ + ".csv", sweep_csv(rows));
  write_file_atomic(base_ + ".svg", to_svg(sweep_plot(axes, rows)));
}

}  // namespace ddpm
