#include "ddpm/runtime/work_graph.h"

#include <exception>
#include <utility>

#include "ddpm/util/log.h"

namespace ddpm {
namespace {

/// Lazy set-up, choice of algorithms and the first growth of memory pools take up to three runs.
constexpr int kWarmUpRuns = 3;

}  // namespace

GraphedWork::GraphedWork(const GraphFactory& make, std::string name, std::function<void()> work)
    : name_(std::move(name)),
      work_(std::move(work)),
      graph_(make()) {}

bool GraphedWork::record() {
  try {
    graph_->record(work_);
  } catch (const std::exception& error) {
    const std::string text = error.what();
    log_warning(name_ + ": cannot be recorded as a graph and goes on without one (" +
                text.substr(0, text.find('\n')) + ")");
    graph_.reset();
    state_ = State::kPlain;
    return false;
  }
  log_info(name_ + ": recorded as a graph");
  state_ = State::kRecorded;
  return true;
}

void GraphedWork::run() {
  if (state_ == State::kWarmingUp && runs_ < kWarmUpRuns) {
    ++runs_;
    graph_->warm_up(work_);
    return;
  }
  if (state_ == State::kRecorded || (state_ == State::kWarmingUp && record())) {
    graph_->replay();
  } else {
    work_();
  }
}

}  // namespace ddpm
