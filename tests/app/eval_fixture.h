#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "ddpm/util/stop.h"
#include "tests/app/app_fixture.h"
#include "tests/support/tiny_settings.h"

namespace ddpm {

/// Asks for a stop when a text that tells how far work has come is such a one.
class StopAt {
 public:
  using IsReached = std::function<bool(const std::string& progress)>;

  explicit StopAt(IsReached is_reached) : is_reached_(std::move(is_reached)) {}
  explicit StopAt(const std::string& text)
      : StopAt([text](const std::string& progress) { return progress.find(text) != text.npos; }) {}

  StopToken token() const { return source_.token(); }

 private:
  IsReached is_reached_;
  StopSource source_;
  LogListener listener_{{}, [this](const std::string& progress) {
                          if (is_reached_(progress)) source_.request();
                        }};
};

/// `TrainedTest` with a recipe for classifiers, whose features distances are in.
class EvalTest : public TrainedTest {
 protected:
  using Json = nlohmann::ordered_json;

  EvalTest() { dir_.write("configs/fashion-mnist-features.yaml", kTinyRecipe); }

  /// Scores so many images that the newest run draws.
  static EvalRequest scoring(const MetricSelection& metrics, int64_t count = 8,
                             const Texts& settings = {}) {
    EvalRequest request;
    request.metrics = metrics;
    request.count = count;
    request.batch_size = 8;
    put(request.settings, settings);
    return request;
  }

  /// Scores given images for the run `tiny`.
  static EvalRequest scoring_images(const std::string& images, const MetricSelection& metrics) {
    auto request = scoring(metrics);
    request.checkpoint = "runs/tiny";
    request.images = images;
    request.count.reset();
    return request;
  }

  static EvalRequest scoring_bits(int64_t images = 2, const std::string& checkpoint = "") {
    auto request = scoring({Metric::kBitsPerDim});
    request.bits.images = images;
    request.checkpoint = checkpoint;
    return request;
  }

  static Json scores(const EvalRequest& request) { return result_json(evaluate(request)); }
  static double value(const Json& scores, const char* metric) {
    return scores.at(metric).at("value").get<double>();
  }

  /// Leaves a file of images that the run drew, or of statistics of its data.
  static void save_images(const std::string& name, int64_t count = 8) {
    auto request = scoring({Metric::kFrechet}, count);
    request.save_images = name;
    evaluate(request);
  }
  static void save_statistics(const std::string& name) {
    auto request = scoring({Metric::kFrechet});
    request.save_stats = name;
    evaluate(request);
  }

  template <typename Error>
  static void refused(const EvalRequest& request, const std::string& text) {
    expect_error<Error>([&] { evaluate(request); }, text);
  }

  /// What is told of an evaluation that is stopped at a text of its progress.
  static StopRequested stopped(EvalRequest request, const StopAt& stop) {
    request.runtime.stop = stop.token();
    try {
      evaluate(request);
    } catch (const StopRequested& told) {
      return told;
    }
    ADD_FAILURE() << "it came to its end";
    return {};
  }
};

}  // namespace ddpm
