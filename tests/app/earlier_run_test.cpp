/// The run tests/data/run-0.1, which a program of the release before the house was rebuilt left at
/// step 4 of 8, with the weights that it reached at step 8 itself.
#include <filesystem>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/app/result_files.h"
#include "ddpm/checkpoint/safetensors.h"
#include "ddpm/util/files.h"
#include "tests/app/app_fixture.h"
#include "tests/support/golden.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class EarlierRun : public AppTest {
 protected:
  EarlierRun() {
    fs::create_directories("runs");
    fs::copy(test_data("run-0.1"), "runs/old", fs::copy_options::recursive);
  }
};

TEST_F(EarlierRun, GoesOnToTheWeightsThatItsOwnProgramReached) {
  TrainRequest request;
  request.run = "runs/old";
  request.resume = true;
  EXPECT_EQ(train(request).step, 8);
  const auto ours =
      load_safetensors("runs/old/checkpoints/step-000008/unet/diffusion_pytorch_model.safetensors");
  const auto golden = load_safetensors(test_data("run-0.1/golden-step-000008.safetensors"));
  ASSERT_EQ(ours.size(), golden.size());
  for (const auto& [name, weights] : golden)
    EXPECT_TRUE(torch::allclose(ours.at(name), weights, 1e-5, 1e-6)) << name;
}

TEST_F(EarlierRun, KeepsItsLinesAndItsResults) {
  const auto lines = read_file("runs/old/metrics.jsonl");
  const auto first = lines.substr(0, lines.find('\n'));
  TrainRequest request;
  request.run = "runs/old";
  request.resume = true;
  train(request);
  EXPECT_TRUE(read_file("runs/old/metrics.jsonl").starts_with(first));
  EXPECT_TRUE(exists("runs/old/eval/step-000008-ddim3-n4-seed0.json"));
}

TEST_F(EarlierRun, Draws) {
  SampleRequest request;
  request.checkpoint = "runs/old";
  request.count = 3;
  torch::Tensor images;
  request.on_images = [&](const torch::Tensor& batch) { images = batch; };
  sample(request);
  EXPECT_EQ(images.sizes(), (std::vector<int64_t>{3, 1, 8, 8}));
}

TEST_F(EarlierRun, ItsSweepsStayInTheirFile) {
  const SweepFile file("runs/old/eval/sweep-4fe3403d", /*given=*/true);
  EXPECT_EQ(file.content().at("cells").size(), 2U);
}

}  // namespace
}  // namespace ddpm
