#include "ddpm/checkpoint/pipeline_index.h"

#include <gtest/gtest.h>

#include "ddpm/util/error.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_dir.h"

namespace ddpm {
namespace {

TEST(PipelineIndex, TellsThePartsThatAreThere) {
  const TempDir dir;
  EXPECT_TRUE(load_pipeline_index(dir.path()).parts.empty());
  dir.write("model_index.json",
            R"({"_class_name": "LDMPipeline", "_private": ["a", "B"],
                "unet": ["diffusers", "UNet2DModel"], "vqvae": ["diffusers", "VQModel"],
                "safety_checker": [null, null], "requires_safety_checker": true})");
  const auto index = load_pipeline_index(dir.path());
  EXPECT_EQ(index.class_name, "LDMPipeline");
  const std::map<std::string, std::string> parts{{"unet", "UNet2DModel"}, {"vqvae", "VQModel"}};
  EXPECT_EQ(index.parts, parts);
}

TEST(PipelineIndex, ThatIsNoObjectIsRefused) {
  const TempDir dir;
  for (const char* text : {"[]", "3", "{", R"({"_class_name": 3})"}) {
    dir.write("model_index.json", text);
    expect_error<CheckpointError>([&] { load_pipeline_index(dir.path()); }, "model_index.json");
  }
}

}  // namespace
}  // namespace ddpm
