#include "ddpm/cli/eval_table.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "ddpm/util/text.h"

namespace ddpm {
namespace {

using Json = nlohmann::ordered_json;

/// Five digits, and never fewer than the whole part.
std::string number_text(double value) {
  if (!std::isfinite(value)) return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  const int whole = std::abs(value) >= 1 ? static_cast<int>(std::log10(std::abs(value))) + 1 : 1;
  return format_fixed(value, std::max(0, 5 - whole));
}

std::string value_text(const MetricValue& metric) {
  auto text = number_text(metric.value);
  if (metric.deviation) text += " +- " + number_text(*metric.deviation);
  return text;
}

std::string remarks(const MetricValue& metric) {
  std::vector<std::string> words;
  if (!metric.note.empty()) words.push_back("(" + metric.note + ")");
  if (!metric.warning.empty()) words.push_back("warning: " + metric.warning);
  return join(words, "  ");
}

std::string images_line(const Json& images) {
  std::string text = std::to_string(images.at("n").get<int64_t>()) + " images of " +
                     images.at("source").get<std::string>();
  if (!images.contains("sampler")) return text;
  return text + " (weights " + images.at("weights").get<std::string>() + "), " +
         images.at("sampler").get<std::string>() + " " + images.at("steps").dump() +
         " steps, guidance " + images.at("guidance").dump() + ", seed " + images.at("seed").dump();
}

std::string reference_line(const Json& reference) {
  const auto count = reference.at("n").get<int64_t>();
  const auto name = reference.at("name").get<std::string>();
  return count > 0 ? name + ", " + std::to_string(count) + " images" : name;
}

std::string features_line(const Json& features) {
  auto text = "features of " + features.at("name").get<std::string>() + " " +
              features.at("hash").get<std::string>();
  if (features.contains("resize")) {
    text += ", resize " + features.at("resize").get<std::string>();
  }
  return text;
}

}  // namespace

std::string result_table(const EvalResult& result) {
  const auto finish = [](const std::string& line) {
    return without_controls(line.substr(0, line.find_last_not_of(' ') + 1)) + "\n";
  };
  size_t title_width = 0;
  size_t value_width = 0;
  for (const auto& metric : result.metrics) {
    title_width = std::max(title_width, metric.title.size());
    value_width = std::max(value_width, value_text(metric).size());
  }
  std::string text;
  for (const auto& metric : result.metrics) {
    auto line = metric.title + std::string(title_width - metric.title.size() + 2, ' ');
    const auto value = value_text(metric);
    line += value + std::string(value_width - value.size() + 2, ' ') + remarks(metric);
    text += finish(line);
  }
  if (!result.settings.contains("images")) return text;
  const auto& settings = result.settings;
  text += finish("of    " + images_line(settings.at("images")));
  if (settings.contains("reference"))
    text += finish("to    " + reference_line(settings.at("reference")));
  return text + finish("by    " + features_line(settings.at("features")));
}

}  // namespace ddpm
