#include "ddpm/train/trainer.h"

#include <exception>
#include <memory>
#include <string>
#include <utility>

#include <torch/types.h>

#include "ddpm/checkpoint/training_checkpoint.h"
#include "ddpm/train/learning_rate.h"
#include "ddpm/train/metrics_log.h"
#include "ddpm/train/objective_table.h"
#include "ddpm/train/run_start.h"
#include "ddpm/util/error.h"
#include "ddpm/util/log.h"
#include "ddpm/util/stop.h"

namespace ddpm {

Trainer::Trainer(Config config, const TrainingData& data, RunFolder& folder,
                 const TrainerOptions& options)
    : config_(std::move(config)),
      data_(data),
      folder_(folder),
      ranks_(options.ranks),
      state_(initial_state(config_, data, options.device, options.checkpoint)),
      model_(initial_model(config_, options.device, options.checkpoint, options.start)),
      step_(config_, data, model_, options.device,
            {.first_step = state_.step, .graphs = options.graphs, .ranks = ranks_}),
      meter_(config_.train, state_, step_.objective().extras(), options.device),
      budget_(config_.train, state_),
      progress_(config_.train.batch_size),
      lines_(config_.train, state_.step),
      checkpoints_(config_.train, folder.directory(), lines_,
                   options.checkpoint.empty() ? -1 : state_.step),
      hooks_{&lines_, &checkpoints_} {
  if (ranks_.leads()) {
    const int64_t written = state_.evaluation_due ? state_.step - 1 : state_.step;
    lines_.add_sink(std::make_unique<MetricsLog>(folder, written));
  }
  const bool images = data.spec().kind == SampleKind::kImage;
  if (images && objective_kind(config_.train.task).draws_images) {
    generator_.emplace(config_, model_, options.device, options.graphs);
    grids_.emplace(config_, *generator_);
    hooks_.push_back(&*grids_);
  }
  const auto& checkpoint = options.checkpoint;
  if (checkpoint.empty()) state_.began_from = options.start.origin;
  if (!checkpoint.empty())
    step_.objective().load_state(load_timestep_sampler(checkpoint), checkpoint.string());
}

void Trainer::evaluate_with(Evaluate evaluate) {
  if (!evaluate || !generator_ || config_.train.eval_every <= 0) return;
  evaluations_.emplace(config_.train, std::move(evaluate), *generator_, lines_, checkpoints_);
  hooks_.insert(hooks_.begin(), &*evaluations_);
}

RunView Trainer::view() {
  return {config_, data_, folder_, state_, model_, step_.objective(), meter_, budget_};
}

double Trainer::next_learning_rate() const {
  return learning_rate(config_.train, state_.step, budget_.decay());
}

void Trainer::step() {
  const double lr = next_learning_rate();
  const auto result = step_.run(state_.step, lr);
  ++state_.step;
  state_.evaluation_due = false;
  meter_.add(result, lr);
  if (result.loss.is_cpu()) meter_.count();  // elsewhere reading back would hold up the device
}

RunEnd Trainer::run() {
  const bool leads = ranks_.leads();
  auto now = view();
  if (leads) checkpoints_.restore_links(state_.best_step);
  const bool made_up = state_.evaluation_due;
  if (const auto end = take_steps()) {
    if (leads) checkpoints_.save(now);
    return *end;
  }
  meter_.count();
  // Bad steps at the very end changed nothing, so they are no reason to lose the good ones.
  meter_.check_weights(model_);
  const bool already_done = checkpoints_.has(state_.step) && !made_up;
  if (leads) checkpoints_.save(now);
  if (state_.evaluation_due) return RunEnd::kStopped;
  if (leads && !already_done && grids_) grids_->run(now);
  return RunEnd::kFinished;
}

/// Why the session ends before the run's last step or an evaluation that is due; nothing else.
std::optional<RunEnd> Trainer::take_steps() {
  try {
    make_up_evaluation();
    std::optional<RunEnd> end;
    while (!end && !state_.evaluation_due && !is_finished()) {
      step();
      end = tick();
    }
    return end;
  } catch (const DivergedError&) {
    throw;
  } catch (...) {  // whatever it is, it is no reason to lose the steps before it
    rescue();
    throw;
  }
}

/// Writes a checkpoint of the last whole step, if that can be done.
void Trainer::rescue() {
  if (!ranks_.leads() || !step_.is_whole() || state_.step == 0) return;
  try {
    meter_.count();
    if (!meter_.is_sound(model_)) return;
    auto now = view();
    checkpoints_.save(now);
  } catch (const std::exception& error) {
    log_warning(std::string(error.what()) + "; step " + std::to_string(state_.step) +
                " is not kept");
  }
}

/// Writes the line, with its evaluation, that an earlier session was asked to stop in.
void Trainer::make_up_evaluation() {
  if (!std::exchange(state_.evaluation_due, false)) return;
  auto now = view();
  if (ranks_.leads()) (evaluations_ ? static_cast<RunHook&>(*evaluations_) : lines_).run(now);
  decide();
}

std::optional<RunEnd> Trainer::tick() {
  auto now = decide();
  if (now.hooks) {
    meter_.count();
    auto seen = view();
    for (auto* const hook : hooks_)
      if (ranks_.leads() && hook->due(now)) hook->run(seen);
    now = decide();
  }
  if (ranks_.leads()) progress_.show(state_, budget_, lines_.last_loss());
  if (now.finished) return std::nullopt;
  if (now.stop) return RunEnd::kStopped;
  return now.time_up ? std::make_optional(RunEnd::kTimeUp) : std::nullopt;
}

/// All that ranks must agree on. That steps were bad needs no agreement: sums over the ranks have
/// told each of them the same.
Decision Trainer::decide() {
  Decision own{.step = state_.step, .finished = is_finished()};
  own.stop = stop_requested();
  own.save_asked = take_checkpoint_request();
  if (ranks_.leads()) {
    if (!own.finished) plan_steps();
    own.time_up = !own.finished && budget_.is_up();
    own.save = checkpoints_.wanted(own.step, own.finished);
    own.evaluation_due = state_.evaluation_due;
    for (const auto* const hook : hooks_)
      own.hooks = own.hooks || hook->due(own);
  }
  own.decay = budget_.decay();
  auto now = agree(ranks_, own);
  budget_.set_decay(now.decay);
  state_.evaluation_due = now.evaluation_due;
  if (now.save_asked) checkpoints_.ask();
  now.hooks = now.hooks || now.save_asked;
  if (!now.stop && !now.time_up) return now;
  meter_.count();
  // After a bad step the next ones tell whether training has diverged.
  if (!meter_.is_sound(model_)) now.stop = now.time_up = false;
  return now;
}

void Trainer::plan_steps() {
  std::vector<Preview> previews;
  for (const auto* const hook : hooks_)
    previews.push_back(hook->preview());
  budget_.plan(previews, [&] { return generator_ ? generator_->seconds_per_image() : 0.0; });
}

}  // namespace ddpm
