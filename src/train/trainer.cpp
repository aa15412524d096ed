#include "ddpm/train/trainer.h"

#include <cmath>
#include <utility>

#include <torch/types.h>

#include "ddpm/data/image_io.h"
#include "ddpm/sample/images.h"
#include "ddpm/train/plan.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/random.h"
#include "ddpm/util/stop.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

double seconds_between(std::chrono::steady_clock::time_point from,
                       std::chrono::steady_clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

TrainingState initial_state(const Config& config, const Dataset& dataset,
                            const std::filesystem::path& checkpoint) {
  TrainingState state;
  if (!checkpoint.empty()) state = load_training_state(checkpoint);
  if (config.train.steps && config.train.steps != state.total_steps) {
    // The decay is that of a run of so many steps, not what is left of one that a time budget
    // ended.
    state.total_steps = config.train.steps;
    state.decay_start = 0;
    state.decay_done = 0.0;
  }
  if (!checkpoint.empty() && state.dataset_images != dataset.info().images) {
    throw DataError(dataset.info().where, ": the run was trained on ", state.dataset_images,
                    " images, got ", dataset.info().images);
  }
  state.dataset_images = dataset.info().images;
  return state;
}

TrainingModel make_model(const Config& config, torch::Device device,
                         const std::filesystem::path& checkpoint) {
  auto model = make_training_model(config, device);
  if (!checkpoint.empty()) model.load(load_training_tensors(checkpoint), checkpoint.string());
  return model;
}

std::optional<Generator> make_generator(const Config& config, const TrainingModel& model,
                                        torch::Device device, const GraphFactory& graphs) {
  auto unet = std::dynamic_pointer_cast<UNetImpl>(model.ema_net());
  if (!unet) return std::nullopt;
  return std::make_optional<Generator>(UNet(std::move(unet)), config.diffusion, config.sample,
                                       device, graphs);
}

}  // namespace

Trainer::Trainer(Config config, const Dataset& dataset, std::filesystem::path run,
                 torch::Device device, const std::filesystem::path& checkpoint,
                 const GraphFactory& graphs)
    : config_(std::move(config)),
      run_(std::move(run)),
      device_(device),
      state_(initial_state(config_, dataset, checkpoint)),
      model_(make_model(config_, device, checkpoint)),
      generator_(make_generator(config_, model_, device, graphs)),
      step_(config_, dataset, model_, device, state_.step, graphs),
      saver_(run_, config_.train, checkpoint.empty() ? -1 : state_.step),
      metrics_(run_.metrics_file(), state_.evaluation_due ? state_.step - 1 : state_.step),
      loss_sum_(torch::full({}, state_.loss_sum, torch::device(device))),
      accuracy_sum_(torch::full({}, state_.accuracy_sum, torch::device(device))),
      grad_norm_(torch::full({}, state_.grad_norm, torch::device(device))),
      last_lr_(state_.lr),
      seconds_before_(state_.seconds),
      start_(Clock::now()),
      rate_time_(start_),
      rate_step_(state_.step),
      first_step_(state_.step) {
  state_.threads = at::get_num_threads();
  state_.device = device.str();
  const double budget = 60.0 * config_.train.max_minutes;
  if (!state_.total_steps && budget > 0) time_plan_.emplace(budget);
  if (draws_samples()) {
    grid_ = {.images = config_.sample.grid_images, .every = config_.train.sample_every};
  }
  if (!checkpoint.empty())
    step_.load_sampler_state(load_timestep_sampler(checkpoint), checkpoint.string());
}

void Trainer::evaluate_with(Evaluate evaluate) {
  evaluate_ = std::move(evaluate);
  const auto& train = config_.train;
  if (evaluates()) evaluation_ = {.images = train.eval_images, .every = train.eval_every};
}

void Trainer::step() {
  last_lr_ = learning_rate(config_.train, state_.step, decay_plan());
  const auto result = step_.run(state_.step, last_lr_);
  const auto finite = result.loss.isfinite().logical_and(result.grad_norm.isfinite());
  const auto unless_bad = [&](const torch::Tensor& value) {
    return torch::where(finite, value, torch::zeros_like(value));
  };
  loss_sum_.add_(unless_bad(result.loss));
  if (result.accuracy.defined()) accuracy_sum_.add_(unless_bad(result.accuracy));
  grad_norm_ = result.grad_norm;
  are_finite_.push_back(finite);
  state_.evaluation_due = false;
  ++state_.step;
  if (device_.is_cpu()) count_bad_steps();  // elsewhere reading back would hold up the device
}

void Trainer::count_bad_steps() {
  if (are_finite_.empty()) return;
  const auto outcomes = torch::stack(are_finite_).to(torch::kCPU);
  const int64_t first = state_.step - static_cast<int64_t>(are_finite_.size()) + 1;
  are_finite_.clear();
  for (int64_t i = 0; i < outcomes.size(0); ++i) {
    if (outcomes[i].item<bool>()) {
      ++state_.loss_steps;
      state_.bad_steps = 0;
      continue;
    }
    ++state_.skipped_steps;
    if (++state_.bad_steps == 1)
      log_warning("step " + std::to_string(first + i) +
                  ": loss or gradient is not finite; the step is left out");
    if (state_.bad_steps >= config_.train.max_bad_steps)
      fail_diverged("loss or gradient of the last " + std::to_string(state_.bad_steps) +
                    " steps are not finite");
  }
}

/// False after a bad step, whose cause may be the weights, and if they are bad themselves: such
/// weights make no checkpoint.
bool Trainer::is_sound() const {
  return state_.bad_steps == 0 && model_.is_finite();
}

void Trainer::fail_diverged(const std::string& what) const {
  throw DivergedError("training diverged at step ", state_.step, ": ", what,
                      "; the last checkpoint is kept; a lower train.lr or a longer "
                      "train.warmup_steps helps");
}

RunEnd Trainer::run() {
  saver_.restore_best_link(state_.best_step);
  const bool made_up = state_.evaluation_due;
  if (made_up) write_metrics(/*with_scores=*/evaluates());
  while (!state_.evaluation_due && (!state_.total_steps || state_.step < *state_.total_steps)) {
    step();
    if (const auto end = tick()) {
      save();
      return *end;
    }
  }
  count_bad_steps();
  // Bad steps at the very end changed nothing, so they are no reason to lose the good ones.
  if (!model_.is_finite()) fail_diverged("weights are not finite");
  const bool already_done = saver_.has(state_.step) && !made_up;
  save();
  if (state_.evaluation_due) return RunEnd::kStopped;
  if (!already_done && draws_samples()) write_samples();
  return RunEnd::kFinished;
}

std::optional<RunEnd> Trainer::tick() {
  const auto& train = config_.train;
  const auto due = [&](int64_t every) { return every > 0 && state_.step % every == 0; };
  const bool finished = state_.total_steps && state_.step >= *state_.total_steps;
  const auto time_up = [&] {
    return !finished && train.max_minutes > 0 && session_seconds() >= 60.0 * train.max_minutes;
  };
  const bool scored =
      evaluates() && (finished || due(train.eval_every) || (time_up() && ends_unscored()));
  if (scored || due(train.log_every)) write_metrics(scored);
  if (!finished) plan_steps();
  if (take_checkpoint_request()) save_asked_ = true;
  if (save_asked_) {
    save_if_possible();
    if (saver_.has(state_.step)) log_info("checkpoint: " + run_.checkpoint(state_.step).string());
  } else if (!finished && saver_.due(state_.step)) {
    save_if_possible();
  }
  if (!finished && draws_samples() && due(train.sample_every)) write_samples();
  show_progress();
  if (finished) return std::nullopt;
  if (!time_up() && !stop_requested()) return std::nullopt;
  count_bad_steps();
  if (!is_sound()) return std::nullopt;  // the next steps tell whether training has diverged
  return stop_requested() ? RunEnd::kStopped : RunEnd::kTimeUp;
}

/// Whether a run that ends now has a model that the last evaluation says little of.
bool Trainer::ends_unscored() {
  count_bad_steps();
  return is_sound() && 2 * (state_.step - scored_step_) >= config_.train.eval_every;
}

void Trainer::plan_steps() {
  if (!time_plan_) return;
  const auto per_step = time_plan_->due(state_.step - first_step_, session_seconds());
  if (!per_step) return;
  const double per_image = drawing_seconds();
  const double left = time_plan_->left(session_seconds()) - grid_.seconds(per_image) -
                      evaluation_.seconds(per_image);
  double cost = *per_step;
  // The first steps are timed before anything is drawn between them.
  if (time_plan_->plans() == 1)
    cost += grid_.seconds_per_step(per_image) + evaluation_.seconds_per_step(per_image);
  state_.decay_done = decay_done(config_.train, state_.step, decay_plan());
  state_.decay_start = state_.step;
  state_.total_steps = state_.step + static_cast<int64_t>(std::max(1.0, left / cost));
  log_info("measured " + format_number(std::round(1000.0 * *per_step)) +
           " ms a step: " + std::to_string(*state_.total_steps) + " steps fit into the time");
}

DecayPlan Trainer::decay_plan() const {
  return {state_.total_steps, state_.decay_start, state_.decay_done};
}

/// What an image costs that is drawn, measured once; 0 if nothing is.
double Trainer::drawing_seconds() {
  if (draws_samples() && !drawing_seconds_) {
    model_.refresh_ema();
    drawing_seconds_ =
        seconds_per_image(*generator_, std::min(grid_.images, micro_batch_size(config_.train)));
    release_ema();
  }
  return drawing_seconds_.value_or(0.0);
}

/// Elsewhere than on the CPU, graphs may hold on to its memory.
void Trainer::release_ema() {
  if (device_.is_cpu()) model_.release_ema();
}

/// An evaluation that someone stops leaves the line to the session that goes on.
void Trainer::write_metrics(bool with_scores) {
  count_bad_steps();
  const auto now = Clock::now();
  const auto scores = with_scores ? score() : Scores();
  state_.evaluation_due = !scores;
  if (!scores) return;
  if (with_scores) scored_step_ = state_.step;
  const auto steps = static_cast<double>(state_.loss_steps);  // 0 if all were bad
  const double loss = loss_sum_.item<double>() / steps;
  if (std::isfinite(loss)) last_loss_ = loss;
  std::optional<double> accuracy;
  if (!draws_samples()) accuracy = accuracy_sum_.item<double>() / steps;
  const double grad_norm = grad_norm_.item<double>();
  loss_sum_.zero_();
  accuracy_sum_.zero_();
  state_.loss_steps = 0;
  const double elapsed = seconds_between(rate_time_, now);
  images_per_second_ =
      static_cast<double>((state_.step - rate_step_) * config_.train.batch_size) / elapsed;
  rate_step_ = state_.step;
  rate_time_ = Clock::now();
  metrics_.write({.step = state_.step,
                  .images = images_seen(),
                  .loss = loss,
                  .grad_norm = grad_norm,
                  .lr = last_lr_,
                  .images_per_second = images_per_second_,
                  .seconds = seconds_before_ + session_seconds(),
                  .skipped_steps = state_.skipped_steps,
                  .accuracy = accuracy,
                  .scores = *scores},
                 guard_);
  keep_if_best(*scores);
}

std::optional<Scores> Trainer::score() {
  const auto start = Clock::now();
  model_.refresh_ema();
  const auto scores = evaluate_(*generator_);
  release_ema();
  if (!scores) {
    log_info("the evaluation is left to the session that goes on");
    return std::nullopt;
  }
  evaluation_.last_seconds = seconds_between(start, Clock::now());
  std::string text = "step " + std::to_string(state_.step) + ":";
  for (const auto& [name, value] : *scores)
    text += " " + name + " " + format_number(value);
  log_info(text);
  return scores;
}

void Trainer::keep_if_best(const Scores& scores) {
  if (scores.empty() || !std::isfinite(scores.front().second) || !is_sound()) return;
  if (state_.best_score && scores.front().second >= *state_.best_score) return;
  const auto score_before = std::exchange(state_.best_score, scores.front().second);
  const auto step_before = std::exchange(state_.best_step, state_.step);
  try {
    // The link moves before old checkpoints are removed, or the new best one could be among them.
    save_checkpoint();
    saver_.link_best(state_.best_step);
    saver_.prune();
  } catch (const DiskError& error) {
    state_.best_score = score_before;
    state_.best_step = step_before;
    log_warning(std::string(error.what()) + "; the best checkpoint stays the one before");
  }
}

void Trainer::show_progress() {
  if (!progress_.due()) return;
  const int64_t done = state_.step - first_step_;
  const double rate = static_cast<double>(done) / session_seconds();
  std::string text = "step " + std::to_string(state_.step);
  if (state_.total_steps) text += "/" + std::to_string(*state_.total_steps);
  char numbers[64];
  if (last_loss_ > 0) {
    std::snprintf(numbers, sizeof(numbers), "  loss %.4f", last_loss_);
    text += numbers;
  }
  std::snprintf(numbers, sizeof(numbers), "  %.1f images/s",
                rate * static_cast<double>(config_.train.batch_size));
  text += numbers;
  if (state_.total_steps) {
    const auto left = static_cast<double>(*state_.total_steps - state_.step);
    text += "  " + format_duration(left / rate) + " left";
  }
  progress_.show(text);
}

torch::Tensor Trainer::draw_grid() {
  model_.refresh_ema();
  const int64_t count = grid_.images;
  const int64_t part = micro_batch_size(config_.train);
  const auto labels = cycle_labels(config_.model, {}, count);
  std::vector<torch::Tensor> parts;
  for (int64_t first = 0; first < count; first += part) {
    const int64_t size = std::min(part, count - first);
    const auto request = request_of_part(/*seed=*/0, labels, first, size);
    parts.push_back(generator_->generate(request, [](int64_t) { throw_if_stopped(); }));
  }
  return torch::cat(parts);
}

void Trainer::write_samples() {
  const auto start = Clock::now();
  try {
    const auto columns = grid_columns(grid_.images, num_classes(config_.model));
    const auto path = run_.sample_grid(state_.step);
    const auto grid = tile_images(to_images(draw_grid()), columns);
    guard_();
    make_folder(run_.samples());
    write_file_atomic(path, encode_png(grid));
    grid_.last_seconds = seconds_between(start, Clock::now());
    log_info("samples: " + path.string());
  } catch (const StopRequested&) {
    log_info("the sample grid is left out");
  } catch (const DiskError& error) {
    log_warning(std::string(error.what()) + "; the sample grid is left out");
  }
  release_ema();
}

void Trainer::save() {
  save_checkpoint();
  saver_.prune();
}

void Trainer::save_if_possible() {
  count_bad_steps();
  if (!is_sound()) return;  // a signal's wish waits for a good step
  save_asked_ = false;
  try {
    save();
  } catch (const DiskError& error) {
    saver_.note_failure();
    log_warning(std::string(error.what()) + "; training goes on and tries again");
  }
}

void Trainer::save_checkpoint() {
  if (saver_.has(state_.step)) return;
  state_.seconds = seconds_before_ + session_seconds();
  state_.loss_sum = loss_sum_.item<double>();
  state_.accuracy_sum = accuracy_sum_.item<double>();
  const double grad_norm = grad_norm_.item<double>();
  state_.grad_norm = std::isfinite(grad_norm) ? grad_norm : 0.0;
  state_.lr = last_lr_;
  guard_();
  metrics_.settle(guard_);
  saver_.write({.config = config_,
                .state = state_,
                .tensors = model_.tensors(),
                .timestep_sampler = step_.sampler_state()});
}

double Trainer::session_seconds() const {
  return seconds_between(start_, Clock::now());
}

}  // namespace ddpm
