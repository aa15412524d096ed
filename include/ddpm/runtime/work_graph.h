#pragma once

#include <functional>
#include <memory>
#include <string>

namespace ddpm {

/// Work for a device that is recorded once and then started again and again as a whole, such as a
/// CUDA graph. Whatever the work leaves behind must lie in memory that was there before it was
/// recorded, and what it reads must stay where it is.
class WorkGraph {
 public:
  virtual ~WorkGraph() = default;
  /// Does `work` as it is, in the place where it will be recorded: pays for set-up, which must not
  /// be part of the record.
  virtual void warm_up(const std::function<void()>& work) = 0;
  /// Records what `work` asks the device to do, without doing it. Throws if that cannot be
  /// recorded; the graph is then of no more use.
  virtual void record(const std::function<void()>& work) = 0;
  /// Does what was recorded.
  virtual void replay() = 0;
};

/// Makes graphs of one device. Empty: there are none, and work is done as it comes.
using GraphFactory = std::function<std::unique_ptr<WorkGraph>()>;

/// A piece of work that is done many times: a few times as it is, to warm up, then as a graph. If
/// it cannot be recorded, there is a warning and the work is done as it is from then on. However it
/// is done, each `run` does it once.
class GraphedWork {
 public:
  /// `name` is for messages; `make` must not be empty.
  GraphedWork(const GraphFactory& make, std::string name, std::function<void()> work);
  void run();

 private:
  /// True if there is a graph to replay.
  bool record();

  enum class State { kWarmingUp, kRecorded, kPlain };
  std::string name_;
  std::function<void()> work_;
  std::unique_ptr<WorkGraph> graph_;
  State state_ = State::kWarmingUp;
  int runs_ = 0;
};

}  // namespace ddpm
