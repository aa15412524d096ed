#include "ddpm/train/checkpoint_saver.h"

#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/log.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

/// To the next try after a disk did not take a checkpoint.
constexpr double kRetrySeconds = 60.0;

}  // namespace

CheckpointSaver::CheckpointSaver(RunDirectory run, const TrainConfig& train, int64_t saved_step)
    : run_(std::move(run)),
      save_every_(train.save_every),
      save_minutes_(train.save_minutes),
      keep_last_(train.keep_last),
      saved_step_(saved_step) {}

double CheckpointSaver::seconds_since_last() const {
  return std::chrono::duration<double>(Clock::now() - last_).count();
}

bool CheckpointSaver::due(int64_t step) const {
  if (failed_ && seconds_since_last() >= kRetrySeconds) return true;
  if (save_every_ > 0 && step % save_every_ == 0) return true;
  return save_minutes_ > 0 && seconds_since_last() >= 60.0 * save_minutes_;
}

void CheckpointSaver::write(const CheckpointContent& content) {
  const auto target = run_.checkpoint(content.state.step);
  const uint64_t needed = checkpoint_bytes(content.tensors, content.objective_state);
  try {
    const auto free = free_bytes(target);
    if (free && *free < needed) throw NoRoomError(target.string(), ": cannot write: no space left");
    save_training_checkpoint(target, content.config, content.state, content.tensors,
                             content.objective_state);
    saved_step_ = content.state.step;
    last_ = Clock::now();
    failed_ = false;
    links_.point(run_.last_link(), target.filename().string());
  } catch (const NoRoomError& error) {
    const auto text = [](uint64_t bytes) { return format_bytes(static_cast<double>(bytes)); };
    const auto free = free_bytes(run_.checkpoints());
    throw NoRoomError(error.what(), "; a checkpoint needs ", text(needed),
                      free ? ", " + text(*free) + " are free" : std::string());
  }
}

void CheckpointSaver::note_failure() {
  last_ = Clock::now();
  failed_ = true;
}

void CheckpointSaver::prune() const {
  try {
    run_.prune(keep_last_, best_step_);
  } catch (const DiskError& error) {
    log_warning(std::string(error.what()) + "; an old checkpoint stays");
  }
}

void CheckpointSaver::link_best(int64_t step) {
  best_step_ = step;
  links_.point(run_.best_link(), run_.checkpoint(step).filename().string());
}

void CheckpointSaver::restore_links(int64_t best_step) {
  if (saved_step_ >= 0)
    links_.point(run_.last_link(), run_.checkpoint(saved_step_).filename().string());
  std::error_code none;
  if (best_step > 0 && std::filesystem::exists(run_.checkpoint(best_step), none))
    link_best(best_step);
}

}  // namespace ddpm
