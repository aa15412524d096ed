#include "ddpm/checkpoint/training_state.h"

#include <gtest/gtest.h>

#include "ddpm/checkpoint/json.h"
#include "ddpm/util/error.h"
#include "tests/support/expect_error.h"

namespace ddpm {
namespace {

using nlohmann::json;

TrainingState some_state() {
  TrainingState state;
  state.step = 7;
  state.total_steps = 100;
  state.decay_done = 0.25;
  state.seconds = 1.5;
  state.loss_sum = 2.5;
  state.extra_sums = {{"accuracy", 0.75}};
  state.best_score = 3.25;
  state.best_step = 6;
  state.dataset_images = 60000;
  state.dataset_fingerprint = "files 0123";
  return state;
}

TEST(TrainingState, ComesBackAsItWasWritten) {
  for (const auto& state : {TrainingState(), some_state()}) {
    const auto written = training_state_to_json(state);
    EXPECT_EQ(training_state_to_json(training_state_from_json(written, "x")), written);
  }
}

TEST(TrainingState, WhatTheFirstReleaseDidNotWriteIsZero) {
  auto object = training_state_to_json(some_state());
  for (const char* key : {"accuracy_sum", "bad_steps", "skipped_steps", "best_score", "best_step",
                          "decay_done", "dataset_fingerprint"})
    object.erase(key);
  const auto state = training_state_from_json(object, "x");
  EXPECT_EQ(state.step, 7);
  EXPECT_EQ(state.skipped_steps, 0);
  EXPECT_TRUE(state.extra_sums.empty());
  EXPECT_FALSE(state.best_score);
  EXPECT_EQ(state.dataset_fingerprint, "");
}

TEST(TrainingState, SumsOfExtrasAreReadByTheirNames) {
  auto object = training_state_to_json(TrainingState());
  object["accuracy_sum"] = 1.5;
  const auto state = training_state_from_json(object, "x");
  EXPECT_EQ(state.extra_sums, (std::map<std::string, double>{{"accuracy", 1.5}}));
  object["accuracy_sum"] = "much";
  expect_error<CheckpointError>([&] { training_state_from_json(object, "x"); }, "x: damaged: ");
}

TEST(TrainingState, DamageIsNamed) {
  for (const char* change :
       {R"({"step": -1})", R"({"step": 1e300})", R"({"step": 1.5})", R"({"step": "7"})",
        R"({"step": 18446744073709551615})", R"({"step": 9007199254740991})",
        R"({"total_steps": -3})", R"({"threads": true})", R"({"loss_steps": null})",
        R"({"bad_steps": -1})", R"({"seconds": "x"})", R"({"version": "1"})", R"({"device": 3})",
        R"({"best_score": []})"}) {
    auto object = training_state_to_json(some_state());
    object.update(parse_json(change, "change"));
    expect_error<CheckpointError>([&] { training_state_from_json(object, "x"); }, "x: damaged: ");
  }
  expect_error<CheckpointError>([] { training_state_from_json(json::array(), "x"); }, "x: damaged");
  expect_error<CheckpointError>([] { training_state_from_json(json::object(), "x"); }, "version");
}

TEST(TrainingState, OfANewerVersionIsRefused) {
  auto object = training_state_to_json(some_state());
  object["version"] = 2;
  expect_error<CheckpointError>([&] { training_state_from_json(object, "x"); }, "newer ddpm");
}

}  // namespace
}  // namespace ddpm
