#include "ddpm/app/train_outlook.h"

#include <algorithm>
#include <cstdio>

#include "ddpm/config/find_config.h"
#include "ddpm/util/error.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

constexpr double kParametersAnImage = 50.0;
constexpr double kShortRun = 60.0;  // seconds: a try, of which nobody expects pictures
constexpr const char* kSmallConfig = "folder-small";

/// With two digits that say something: 1084823 as "1.1 million".
std::string about(double number) {
  char text[48];
  if (number >= 1e6)
    std::snprintf(text, sizeof(text), "%.1f million", number / 1e6);
  else
    std::snprintf(text, sizeof(text), number < 10 ? "%.2g" : "%.0f", number);
  return text;
}

bool is_installed(const std::string& config) {
  try {
    find_config(config);
    return true;
  } catch (const UserError&) {  // it is only advice
    return false;
  }
}

}  // namespace

TrainOutlook outlook_of(const TrainPlan& plan, double seconds_per_step) {
  const auto& train = plan.config.train;
  const double fit = train.max_minutes > 0 ? 60.0 * train.max_minutes / seconds_per_step : 1e18;
  TrainOutlook outlook;
  outlook.steps = train.steps ? std::min(fit, static_cast<double>(*train.steps)) : fit;
  outlook.seconds = outlook.steps * seconds_per_step;
  outlook.images = outlook.steps * static_cast<double>(train.batch_size);
  outlook.passes = outlook.images / static_cast<double>(plan.dataset->info().images);
  return outlook;
}

std::string outlook_line(const TrainPlan& plan, double seconds_per_step) {
  const auto outlook = outlook_of(plan, seconds_per_step);
  const double rate = static_cast<double>(plan.config.train.batch_size) / seconds_per_step;
  return "speed   about " + about(rate) + " images/s: " + about(outlook.steps) + " steps in " +
         format_duration(outlook.seconds) + ", " + about(outlook.images) + " images, " +
         about(outlook.passes) + " passes over the data";
}

std::string outlook_warning(const TrainPlan& plan, double seconds_per_step) {
  const auto outlook = outlook_of(plan, seconds_per_step);
  const double wanted = static_cast<double>(plan.parameters) / kParametersAnImage;
  if (outlook.seconds < kShortRun || outlook.images >= wanted) return {};
  const auto advice = is_installed(kSmallConfig)
                          ? "or `config` " + std::string(kSmallConfig) + ", which is made for this"
                          : "or a smaller net: half of model.block_out_channels or of "
                            "data.image_size";
  return about(outlook.images) + " images are few for a net of " +
         about(static_cast<double>(plan.parameters)) + " parameters, which wants about " +
         about(wanted) + " to draw well; give it more time, " + advice;
}

}  // namespace ddpm
