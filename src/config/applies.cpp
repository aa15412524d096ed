#include "ddpm/config/applies.h"

#include <vector>

#include "ddpm/config/names.h"
#include "ddpm/config/sampler_traits.h"
#include "ddpm/config/setting_value.h"
#include "ddpm/util/error.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

/// The samplers that have a trait: "sampler ddim", "samplers euler" + `separator` + "heun".
std::string samplers_with(SamplerTrait trait, std::string_view separator) {
  std::vector<std::string> names;
  for (const auto& row : sampler_traits())
    if (row.has(trait)) names.emplace_back(to_name(row.type));
  return (names.size() == 1 ? "sampler " : "samplers ") + join(names, separator);
}

[[noreturn]] void refuse(const Setting& row, const Setting& usual, const std::string& owner,
                         std::string_view here) {
  throw UserError(row.key, " belongs to the ", owner, ", expected ", format_value(usual), " for ",
                  here, ", got ", printable(format_value(row)));
}

void check_row(const Config& config, const Setting& row, const Setting& usual) {
  const auto& applies = row.applies;
  const auto changed = [&] { return format_value(row) != format_value(usual); };
  if (applies.task && *applies.task != config.train.task && changed())
    throw UserError(row.key, " ", format_value(row), " belongs to train.task ",
                    to_name(*applies.task), "; leave it out for a ", to_name(config.train.task));
  if (applies.process && *applies.process != config.diffusion.process && changed())
    refuse(row, usual, "process " + std::string(to_name(*applies.process)),
           to_name(config.diffusion.process));
  if (applies.sampler && !traits_of(config.sample.sampler).has(*applies.sampler) && changed())
    refuse(row, usual, samplers_with(*applies.sampler, " and "), to_name(config.sample.sampler));
}

}  // namespace

std::string where_it_applies(const Applies& applies) {
  std::vector<std::string> places;
  if (applies.task) places.push_back("task " + std::string(to_name(*applies.task)));
  if (applies.process) places.push_back("process " + std::string(to_name(*applies.process)));
  if (applies.sampler) places.push_back(samplers_with(*applies.sampler, ", "));
  return places.empty() ? "" : join(places, ", ") + " only";
}

void check_applies(const Config& config, std::string_view section) {
  Config copy = config;
  Config defaults;
  const auto rows = settings(copy);
  const auto usual = settings(defaults);
  for (size_t i = 0; i < rows.size(); ++i) {
    const bool in_section = rows[i].key.substr(0, rows[i].key.find('.')) == section;
    if (in_section && rows[i].applies.elsewhere == Elsewhere::kRefused)
      check_row(config, rows[i], usual[i]);
  }
}

}  // namespace ddpm
