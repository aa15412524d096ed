#pragma once

#include <functional>
#include <memory>
#include <stdexcept>

#include "ddpm/runtime/work_graph.h"

namespace ddpm {

/// What graphs were asked for.
struct GraphCalls {
  int made = 0;
  int warm_ups = 0;
  int records = 0;
  int replays = 0;
};

/// Keeps the work that it is told to record and does that when replayed: it sees the memory of the
/// time of recording, as a CUDA graph does.
class FakeGraph : public WorkGraph {
 public:
  FakeGraph(GraphCalls& calls, bool fails) : calls_(calls), fails_(fails) {}
  void warm_up(const std::function<void()>& work) override {
    ++calls_.warm_ups;
    work();
  }
  void record(const std::function<void()>& work) override {
    ++calls_.records;
    if (fails_) throw std::runtime_error("operation not permitted\nstack");
    recorded_ = work;
  }
  void replay() override {
    ++calls_.replays;
    recorded_();
  }

 private:
  GraphCalls& calls_;
  bool fails_;
  std::function<void()> recorded_;
};

/// Counts in `calls`, which must outlive the graphs; `fails`: nothing can be recorded.
inline GraphFactory fake_graphs(GraphCalls& calls, bool fails = false) {
  return [&calls, fails] {
    ++calls.made;
    return std::make_unique<FakeGraph>(calls, fails);
  };
}

}  // namespace ddpm
