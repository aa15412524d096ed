#include "ddpm/checkpoint/weight_files.h"

#include <gtest/gtest.h>

#include "ddpm/util/error.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_dir.h"

namespace ddpm {
namespace {

constexpr const char* kUsual = "diffusion_pytorch_model.safetensors";

/// Names of the files found in a folder that holds `names`.
std::vector<std::string> found_among(const std::vector<std::string>& names) {
  const TempDir dir;
  for (const auto& name : names)
    dir.write(name, "");
  std::vector<std::string> found;
  for (const auto& file : find_weight_files(dir.path(), kUsual))
    found.push_back(file.filename().string());
  return found;
}

TEST(WeightFiles, TheUsualNameThenAVariantThenTheOnlyOne) {
  const std::pair<std::vector<std::string>, const char*> rows[] = {
      {{kUsual, "diffusion_pytorch_model.fp16.safetensors", "x.safetensors"}, kUsual},
      {{"diffusion_pytorch_model.bf16.safetensors", "diffusion_pytorch_model.bin"},
       "diffusion_pytorch_model.bf16.safetensors"},
      {{"diffusion_pytorch_model.non_ema.safetensors", "optimizer.bin"},
       "diffusion_pytorch_model.non_ema.safetensors"},
      {{"model.safetensors", "config.json"}, "model.safetensors"},
      {{"ema.safetensors", "pytorch_model.bin"}, "ema.safetensors"}};
  for (const auto& [names, file] : rows)
    EXPECT_EQ(found_among(names), std::vector<std::string>{file});
}

TEST(WeightFiles, AmbiguousOnesAreNamed) {
  for (const auto& names : {std::vector<std::string>{"a.safetensors", "b.safetensors"},
                            {"diffusion_pytorch_model.fp16.safetensors",
                             "diffusion_pytorch_model.non_ema.safetensors"}})
    expect_error<CheckpointError>([&] { found_among(names); }, names[0] + ", " + names[1]);
}

TEST(WeightFiles, APickleAndAnythingElseIsNamed) {
  for (const char* name : {"diffusion_pytorch_model.bin", "pytorch_model.bin", "model.pt"})
    expect_error<CheckpointError>(
        [&] {
          found_among({name, "config.json"});
        },
        std::string(name) + ", a pickle");
  expect_error<CheckpointError>(
      [&] {
        found_among({"config.json", "flax_model.msgpack"});
      },
      "it holds config.json, flax_model.msgpack");
}

TEST(WeightFiles, AnIndexNamesTheParts) {
  const TempDir dir;
  dir.write(std::string(kUsual) + ".index.json",
            R"({"weight_map": {"a": "m-2.safetensors", "b": "m-1.safetensors",
                               "c": "m-1.safetensors"}})");
  dir.write("m-1.safetensors", "");
  expect_error<CheckpointError>([&] { find_weight_files(dir.path(), kUsual); },
                                "m-2.safetensors: missing");
  dir.write("m-2.safetensors", "");
  const auto files = find_weight_files(dir.path(), kUsual);
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[0], dir.path() / "m-1.safetensors");
}

TEST(WeightFiles, AnIndexThatIsNoneIsRefused) {
  const TempDir dir;
  for (const char* text :
       {"[]", "{}", R"({"weight_map": []})", R"({"weight_map": {}})", R"({"weight_map": {"a": 3}})",
        R"({"weight_map": {"a": "../x.safetensors"}})", R"({"weight_map": {"a": "x.bin"}})",
        R"({"weight_map": {"a": "x\u0000.safetensors"}})"}) {
    dir.write(std::string(kUsual) + ".index.json", text);
    expect_error<CheckpointError>([&] { find_weight_files(dir.path(), kUsual); }, "weight_map");
  }
}

}  // namespace
}  // namespace ddpm
