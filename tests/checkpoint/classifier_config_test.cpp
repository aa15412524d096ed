#include "ddpm/checkpoint/classifier_config.h"

#include <gtest/gtest.h>

#include "ddpm/checkpoint/json.h"
#include "ddpm/util/error.h"
#include "tests/support/expect_error.h"
#include "tests/support/tiny_model.h"

namespace ddpm {
namespace {

using nlohmann::json;

TEST(ClassifierConfig, ComesBackAsItWasWritten) {
  const auto written = classifier_config_to_json(tiny_classifier(Pooling::kAttention));
  const auto network = classifier_config_from_json(written, "x");
  EXPECT_EQ(network.signature.classes, 3);
  EXPECT_FALSE(network.signature.null_label.has_value());
  EXPECT_EQ(network.classifier.feature_dim, 12);
  EXPECT_EQ(classifier_config_to_json(network), written);
  EXPECT_GT(least_classifier_parameters(network), 2'000U);
}

TEST(ClassifierConfig, WhatIsWrongIsRefused) {
  for (const char* change :
       {R"({"_class_name": "UNet2DModel"})", R"({"_class_name": 3})", R"({"num_classes": 1})",
        R"({"num_classes": "3"})", R"({"feature_dim": 0})", R"({"pooling": "max"})",
        R"({"block_out_channels": 8})", R"({"block_out_channels": "8"})", R"({"surprise": 5})",
        R"({"pooling": "attention", "attention_head_dim": 4096, "add_attention": false})",
        R"({"sample_size": 1})"}) {
    auto object = classifier_config_to_json(tiny_classifier(Pooling::kAttention));
    object.update(parse_json(change, "change"));
    expect_error<CheckpointError>([&] { classifier_config_from_json(object, "x"); }, "x: ");
  }
  expect_error<CheckpointError>([] { classifier_config_from_json(json::array(), "x"); },
                                "JSON object");
}

}  // namespace
}  // namespace ddpm
