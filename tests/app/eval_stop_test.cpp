#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "ddpm/app/evaluate.h"
#include "ddpm/data/npy.h"
#include "ddpm/util/files.h"
#include "tests/app/eval_fixture.h"
#include "tests/support/log_messages.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class EvalStopTest : public EvalTest {
 protected:
  /// A distance of 8 images, and bits of some, which are measured after them.
  static EvalRequest distance_and_bits() {
    return scoring({Metric::kFrechet, Metric::kBitsPerDim});
  }
};

TEST_F(EvalStopTest, KeepsTheFeaturesThatAreDone) {
  auto request = scoring({Metric::kFrechet}, 6);
  request.batch_size = 2;
  const auto told = stopped(request, StopAt("2/6 images"));
  EXPECT_TRUE(told.goes_on);
  EXPECT_NE(told.progress.find("2 of 6 images done"), std::string::npos) << told.progress;
  EXPECT_FALSE(exists("runs/tiny/eval"));
  const LogMessages messages;
  const auto rest = scores(request);
  EXPECT_TRUE(messages.have("going on after 2 images")) << messages.all();
  fs::remove_all("cache/ddpm/partial");
  EXPECT_EQ(scores(request), rest);
}

TEST_F(EvalStopTest, KeepsTheImagesToSaveThatAreDone) {
  for (const std::string kept : {"many", "many.npz"}) {
    auto request = scoring({Metric::kFrechet}, 6);
    request.batch_size = 2;
    request.save_images = kept;
    const auto told = stopped(request, StopAt("2/6 images"));
    EXPECT_FALSE(told.goes_on);
    EXPECT_NE(told.progress.find("images are in " + kept), std::string::npos) << told.progress;
    EXPECT_EQ(scores(scoring_images(kept, {Metric::kFrechet})).at("images").at("n"), 2);
  }
  EXPECT_EQ(load_image("many/000001.png").width, 8);
}

TEST_F(EvalStopTest, AfterTheImagesDrawsThemNotAgain) {
  EXPECT_TRUE(stopped(distance_and_bits(), StopAt("bits per dimension:")).goes_on);
  const auto going_on = [](const LogMessages& messages, bool expected) {
    const auto result = scores(scoring({Metric::kFrechet}));
    EXPECT_EQ(messages.have("going on after 8 images"), expected) << messages.all();
    return result;
  };
  const auto rest = going_on(LogMessages(), true);
  EXPECT_EQ(going_on(LogMessages(), false), rest);
}

TEST_F(EvalStopTest, AfterTheImagesToSaveKeepsThem) {
  auto request = distance_and_bits();
  request.save_images = "x.npz";
  const auto told = stopped(request, StopAt("bits per dimension:"));
  EXPECT_NE(told.progress.find("images are in x.npz"), std::string::npos) << told.progress;
  EXPECT_EQ(load_npz("x.npz").at("arr_0").shape.at(0), 8);
}

/// Bits of six images, of many network calls each.
class StoppedBits : public EvalTest {
 protected:
  StoppedBits() {
    train(training("runs/long", {{"diffusion.num_train_timesteps", "200"}}));
    request_ = scoring_bits(6, "runs/long");
    request_.bits.draws = 0;
    request_.batch_size = 1;
  }

  /// The file that a stop after the first image leaves.
  fs::path stop() const {
    const StopAt after_the_first([](const std::string& progress) {
      const auto sign = progress.find(": ");
      return sign != progress.npos && std::stoi(progress.substr(sign + 2)) >= 20;
    });
    const auto told = stopped(request_, after_the_first);
    EXPECT_TRUE(told.goes_on);
    EXPECT_NE(told.progress.find(" of 6 images done"), std::string::npos) << told.progress;
    for (const auto& entry : fs::directory_iterator("cache/ddpm/partial"))
      return entry.path();
    ADD_FAILURE() << "it left no part";
    return {};
  }

  /// What no measurement of the six images would have left.
  static std::vector<std::string> damaged_forms(const Json& kept) {
    std::vector<std::string> texts{std::string(1000, '['), "[]", "{}"};
    const auto damage = [&](const std::function<void(Json&)>& change) {
      auto object = kept;
      change(object);
      texts.push_back(object.dump());
    };
    for (const char* list : {"bits", "prior", "steps", "decoder", "calls"})
      damage([&](Json& object) { object[list].push_back(1.0); });
    damage([](Json& object) {
      for (const char* list : {"bits", "prior", "steps", "decoder"})
        object[list] = Json::array({1, 2, 3, 4, 5, 6, 7});
    });
    damage([](Json& object) { object["table"].erase(7); });
    damage([](Json& object) { object["table"].push_back({200, 0, 0, 0}); });
    damage([](Json& object) { object["table"][7][0] = 1e300; });
    damage([](Json& object) { object["table"][7][1] = -1; });
    damage([](Json& object) { object["bits"][0] = nullptr; });
    return texts;
  }

  EvalRequest request_;
};

TEST_F(StoppedBits, GoOn) {
  const auto undisturbed = scores(request_);
  stop();
  const LogMessages messages;
  EXPECT_EQ(scores(request_), undisturbed);
  EXPECT_TRUE(messages.have("bits per dimension: going on after")) << messages.all();
}

TEST_F(StoppedBits, AreNotTakenUpIfTheyAreDamaged) {
  const auto partial = stop();
  for (const auto& text : damaged_forms(Json::parse(read_file(partial)))) {
    write_file_atomic(partial, text);
    const LogMessages messages;
    stopped(request_, StopAt("bits per dimension:"));
    EXPECT_TRUE(messages.have("starting anew")) << text.substr(0, 200);
  }
}

}  // namespace
}  // namespace ddpm
