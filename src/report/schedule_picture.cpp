#include "ddpm/report/schedule_picture.h"

#include <algorithm>
#include <cmath>

#include "ddpm/config/process_traits.h"
#include "ddpm/util/error.h"
#include "ddpm/util/random.h"

namespace ddpm {
namespace {

constexpr int64_t kUsualColumns = 8;

/// Whether the schedules' timesteps mean the same and are as many.
bool share_timesteps(const std::vector<NamedSchedule>& schedules) {
  return std::ranges::all_of(schedules, [&](const NamedSchedule& schedule) {
    return traits_of(schedule.diffusion.process).has_timesteps &&
           schedule.diffusion.num_train_timesteps ==
               schedules.front().diffusion.num_train_timesteps;
  });
}

/// The list 0 ... last in eight even steps, or fewer if there are no eight.
std::vector<int64_t> even_timesteps(int64_t last) {
  std::vector<int64_t> timesteps;
  const int64_t columns = std::min(kUsualColumns, last + 1);
  for (int64_t i = 0; i < columns; ++i)
    timesteps.push_back(columns == 1 ? last : i * last / (columns - 1));
  return timesteps;
}

Image noised(const Image& image, const std::vector<float>& noise, const NoiseLevel& level,
             bool scaled) {
  Image out = image;
  const double scale = scaled ? 1.0 / std::hypot(level.alpha, level.sigma) : 1.0;
  for (size_t i = 0; i < image.pixels.size(); ++i) {
    const double x0 = image.pixels[i] / 127.5 - 1.0;
    const double x_t = scale * (level.alpha * x0 + level.sigma * noise[i]);
    out.pixels[i] = static_cast<uint8_t>(std::clamp((x_t + 1.0) / 2.0, 0.0, 1.0) * 255.0 + 0.5);
  }
  return out;
}

}  // namespace

ScheduleCurve curve_of(const Process& process) {
  ScheduleCurve curve;
  for (int64_t t = 0; t <= process.last_shown_timestep(); ++t) {
    const auto level = process.shown_level(t);
    const double variance = level.alpha * level.alpha + level.sigma * level.sigma;
    curve.t.push_back(static_cast<double>(t));
    if (process.chain() != nullptr) curve.beta.push_back(process.chain()->beta(t));
    curve.alpha_bar.push_back(level.alpha * level.alpha / variance);
    curve.log_snr.push_back(2.0 * level.lambda());
    curve.alpha.push_back(level.alpha);
    curve.sigma.push_back(level.sigma);
  }
  return curve;
}

LinePlot plot_schedules(const std::vector<NamedSchedule>& schedules, bool log) {
  const bool shared = share_timesteps(schedules);
  const auto panel = [&](const char* title, bool on_log_axis) {
    return PlotPanel{.title = title,
                     .x_label = shared ? "timestep t" : "t / T",
                     .y_scale = on_log_axis ? AxisScale::kLog : AxisScale::kLinear};
  };
  auto signal = panel("signal: alpha_bar", log);
  auto beta = panel("beta", true);
  auto log_snr = panel("log-SNR: ln(alpha² / sigma²)", false);
  auto ratio = panel("noise to signal: sigma / alpha", true);
  for (const auto& [name, diffusion] : schedules) {
    auto curve = curve_of(*make_process(diffusion));
    if (!shared) {
      const double last = std::max(1.0, curve.t.back());
      for (double& t : curve.t)
        t /= last;
    }
    std::vector<double> ratios;
    for (size_t i = 0; i < curve.t.size(); ++i)
      ratios.push_back(curve.sigma[i] / curve.alpha[i]);
    signal.series.push_back({.name = name, .x = curve.t, .y = curve.alpha_bar});
    log_snr.series.push_back({.name = name, .x = curve.t, .y = curve.log_snr});
    ratio.series.push_back({.name = name, .x = curve.t, .y = ratios});
    if (!curve.beta.empty()) beta.series.push_back({.name = name, .x = curve.t, .y = curve.beta});
  }
  LinePlot plot{.title = schedules.size() == 1 ? "Noise schedule" : "Noise schedules",
                .panels = {signal}};
  if (!beta.series.empty()) plot.panels.push_back(beta);
  plot.panels.push_back(log_snr);
  plot.panels.push_back(ratio);
  return plot;
}

Image noised_strip(const std::vector<NamedSchedule>& schedules, const Image& image,
                   const std::vector<int64_t>& timesteps, uint64_t seed) {
  std::vector<float> noise(image.pixels.size());
  fill_normal({.seed = seed, .purpose = RandomPurpose::kTrainingNoise, .index = 0}, noise);
  std::vector<Image> cells;
  size_t columns = 0;
  for (const auto& schedule : schedules) {
    const auto process = make_process(schedule.diffusion);
    const int64_t last = process->last_shown_timestep();
    const auto row = timesteps.empty() ? even_timesteps(last) : timesteps;
    if (row.back() > last)
      throw UserError("`timesteps` ", row.back(), ": ", schedule.name, " has the timesteps 0 to ",
                      last);
    if (columns > 0 && row.size() != columns)
      throw UserError(
          "the schedules have too few timesteps for rows of one length; give "
          "`timesteps`");
    columns = row.size();
    for (const int64_t t : row)
      cells.push_back(noised(image, noise, process->shown_level(t), process->scales_input()));
  }
  return tile_images(cells, static_cast<int64_t>(columns));
}

}  // namespace ddpm
