#include "ddpm/checkpoint/classifier_config.h"

#include <gtest/gtest.h>

#include "ddpm/checkpoint/json.h"
#include "ddpm/util/error.h"
#include "tests/support/expect_error.h"
#include "tests/support/tiny_model.h"

namespace ddpm {
namespace {

using nlohmann::json;

json tiny_classifier() {
  auto model = tiny_model();
  model.num_class_embeds = 3;
  model.null_class_label.reset();
  return classifier_config_to_json(model, {.pooling = Pooling::kAttention, .feature_dim = 12});
}

TEST(ClassifierConfig, ComesBackAsItWasWritten) {
  const auto written = tiny_classifier();
  ModelConfig model;
  ClassifierConfig options;
  classifier_config_from_json(written, "x", model, options);
  EXPECT_EQ(model.num_class_embeds, 3);
  EXPECT_EQ(options.feature_dim, 12);
  EXPECT_EQ(classifier_config_to_json(model, options), written);
  EXPECT_GT(least_classifier_parameters(model, options), 2'000U);
}

TEST(ClassifierConfig, WhatIsWrongIsRefused) {
  for (const char* change :
       {R"({"_class_name": "UNet2DModel"})", R"({"_class_name": 3})", R"({"num_classes": 1})",
        R"({"num_classes": "3"})", R"({"feature_dim": 0})", R"({"pooling": "max"})",
        R"({"block_out_channels": 8})", R"({"block_out_channels": "8"})", R"({"surprise": 5})",
        R"({"pooling": "attention", "attention_head_dim": 4096, "add_attention": false})",
        R"({"sample_size": 1})"}) {
    auto object = tiny_classifier();
    object.update(parse_json(change, "change"));
    ModelConfig model;
    ClassifierConfig options;
    expect_error<CheckpointError>([&] { classifier_config_from_json(object, "x", model, options); },
                                  "x: ");
  }
  ModelConfig model;
  ClassifierConfig options;
  expect_error<CheckpointError>(
      [&] { classifier_config_from_json(json::array(), "x", model, options); }, "JSON object");
}

}  // namespace
}  // namespace ddpm
