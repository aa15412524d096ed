#include "ddpm/sample/network_calls.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/model/precision.h"
#include "ddpm/model/signature.h"
#include "ddpm/sample/generator.h"
#include "tests/support/fake_graph.h"
#include "tests/support/golden.h"
#include "tests/support/random_unet.h"

namespace ddpm {
namespace {

torch::Tensor images(int64_t count) {
  const auto model = tiny_model().signature;
  return torch::randn({count, model.data_channels, model.sample_size[0], model.sample_size[1]});
}

torch::Tensor draw(Generator& generator, std::vector<uint64_t> seeds) {
  const auto labels = cycle_labels(generator.signature(), {1}, static_cast<int64_t>(seeds.size()));
  return generator.generate({.seeds = std::move(seeds), .labels = labels, .initial_noise = {}});
}

class GraphedGenerator : public testing::TestWithParam<Precision> {};

TEST_P(GraphedGenerator, DrawsTheBitsOfThePlainOne) {
  for (const auto sampler : {SamplerType::kDdim, SamplerType::kDdpm}) {
    SampleConfig options;
    options.sampler = sampler;
    options.steps = 6;
    options.guidance = 2.0;
    GraphCalls calls;
    Generator graphed(random_unet(GetParam()), DiffusionConfig(), options, torch::kCPU,
                      fake_graphs(calls));
    Generator plain(random_unet(GetParam()), DiffusionConfig(), options, torch::kCPU);
    EXPECT_TRUE(torch::equal(draw(graphed, {1, 2, 3}), draw(plain, {1, 2, 3})));
    EXPECT_TRUE(torch::equal(draw(graphed, {7, 8, 9}), draw(plain, {7, 8, 9})));
    EXPECT_EQ(calls.records, 1);
    EXPECT_EQ(calls.replays, 2 * 6 - 3);
  }
}

INSTANTIATE_TEST_SUITE_P(Precisions, GraphedGenerator,
                         testing::Values(Precision::kFloat32, Precision::kBFloat16));

TEST(NetworkCalls, SmallerBatchesRideInTheRecordedOne) {
  const c10::InferenceMode inference;
  GraphCalls calls;
  NetworkCalls graphed(random_unet(), fake_graphs(calls));
  NetworkCalls plain(random_unet(), {});
  const Conditioning classes{.labels = torch::tensor({0, 1, 2, 1}, torch::kInt64)};
  for (const int64_t size : {4, 4, 4, 4, 3, 1, 4}) {
    const auto x = images(size);
    const auto part = classes.narrow(0, size);
    EXPECT_LT(relative_difference(graphed.run(x, 10 * size, part), plain.run(x, 10 * size, part)),
              1e-6)
        << size;
  }
  EXPECT_EQ(calls.made, 1);
  EXPECT_EQ(calls.replays, 4);
}

TEST(NetworkCalls, LargerBatchesAreRecordedAnew) {
  const c10::InferenceMode inference;
  GraphCalls calls;
  NetworkCalls graphed(random_unet(), fake_graphs(calls));
  for (const int64_t size : {1, 2, 2})
    graphed.run(images(size), 5, {torch::zeros({size}, torch::kInt64)});
  EXPECT_EQ(calls.made, 2);
}

TEST(NetworkCalls, AnAnswerOutlivesTheNextCall) {
  const c10::InferenceMode inference;
  GraphCalls calls;
  NetworkCalls graphed(random_unet(), fake_graphs(calls));
  const Conditioning classes{.labels = torch::zeros({2}, torch::kInt64)};
  const auto answer = graphed.run(images(2), 5, classes);
  const auto before = answer.clone();
  graphed.run(images(2), 90, classes);
  EXPECT_TRUE(torch::equal(answer, before));
}

}  // namespace
}  // namespace ddpm
