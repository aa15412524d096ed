/// The CUDA module, loaded as the program loads it. Where LibTorch's CUDA libraries are not
/// installed, or there is no GPU, the tests that need them are skipped and say so.
#include <optional>

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/runtime/device.h"
#include "ddpm/sample/generator.h"
#include "ddpm/train/plan.h"
#include "ddpm/train/training_step.h"
#include "ddpm/util/error.h"
#include "tests/support/training.h"

namespace ddpm {
namespace {

TEST(CudaModule, LoadsAfterLibTorchsCudaHalfWithoutADriver) {
  if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr) GTEST_SKIP() << dlerror();
  void* const module = dlopen("libddpm_cuda.so", RTLD_NOW);
  ASSERT_NE(module, nullptr) << dlerror();
  EXPECT_NE(dlsym(module, "ddpm_describe_gpu"), nullptr);
  EXPECT_NE(dlsym(module, "ddpm_make_graph_factory"), nullptr);
}

class OnGpu : public testing::Test {
 protected:
  void SetUp() override {
    try {
      device_ = select_device("cuda");
    } catch (const DeviceError& error) {
      GTEST_SKIP() << error.what();
    }
    modes_.emplace(device_, Precision::kFloat32, /*autotune=*/false);
    graphs_ = make_graph_factory(device_);
    ASSERT_TRUE(graphs_);
  }

  /// The weights after some steps, all of them in one row.
  torch::Tensor train(const GraphFactory& graphs, Precision precision) const {
    const NoiseData dataset(30);
    auto config = complete_config(tiny_config(), dataset);
    config.train.precision = precision;
    auto model = make_training_model(config, device_);
    TrainingStep step(config, dataset, model, device_, {.graphs = graphs});
    for (int64_t i = 0; i < 12; ++i)
      step.run(i, 1e-3);
    std::vector<torch::Tensor> rows;
    for (const auto& [name, tensor] : model.tensors().weights)
      rows.push_back(tensor.flatten());
    return torch::cat(rows).cpu();
  }

  torch::Device device_ = torch::kCPU;
  std::optional<DeviceScope> modes_;
  GraphFactory graphs_;
};

/// Doubles `x` in place on each replay; a graph that was not recorded or not replayed shows.
TEST_F(OnGpu, AGraphReplaysOnTheMemoryItWasRecordedOn) {
  auto x = torch::ones({1000}, torch::device(device_));
  const auto graph = graphs_();
  const auto work = [&x] { x.mul_(2); };
  graph->warm_up(work);
  graph->record(work);
  EXPECT_EQ(x.sum().item<float>(), 2000.0F);
  graph->replay();
  graph->replay();
  EXPECT_EQ(x.sum().item<float>(), 8000.0F);
}

TEST_F(OnGpu, WorkThatReadsBackCannotBeRecordedAndTheStreamRecovers) {
  const auto x = torch::ones({10}, torch::device(device_));
  const auto graph = graphs_();
  EXPECT_THROW(graph->record([&x] { x.sum().item<float>(); }), std::exception);
  EXPECT_EQ((x + 1).sum().item<float>(), 20.0F);
}

TEST_F(OnGpu, DescribesItself) {
  EXPECT_NE(describe_device(device_).find("GiB free"), std::string::npos);
}

TEST_F(OnGpu, GraphsTrainToTheBitsOfPlainWork) {
  for (const auto precision : {Precision::kFloat32, Precision::kBFloat16})
    EXPECT_TRUE(torch::equal(train(graphs_, precision), train({}, precision)));
}

TEST_F(OnGpu, TrainingTwiceGivesTheSameBits) {
  EXPECT_TRUE(
      torch::equal(train(graphs_, Precision::kFloat32), train(graphs_, Precision::kFloat32)));
}

}  // namespace
}  // namespace ddpm
