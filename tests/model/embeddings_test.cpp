#include "ddpm/model/embeddings.h"

#include <gtest/gtest.h>

#include "tests/support/golden.h"

namespace ddpm {
namespace {

TEST(TimestepEmbedding, AgreesWithTheReferenceInEveryForm) {
  const auto golden = load_json(test_data("schedules.json")).at("embeddings");
  ASSERT_EQ(golden.size(), 4U);
  for (const auto& row : golden) {
    const auto ours =
        timestep_embedding(torch::tensor({row.at("t").get<int64_t>()}), row.at("dim"),
                           row.at("flip_sin_to_cos"), row.at("freq_shift").get<double>());
    const auto expected = torch::tensor(row.at("values").get<std::vector<double>>());
    EXPECT_LT((ours[0] - expected).abs().max().item<double>(), 1e-5) << row.dump();
  }
}

TEST(TimestepEmbedding, OddWidthsEndInAZero) {
  const auto ours = timestep_embedding(torch::tensor({37}), 7, true, 0);
  EXPECT_EQ(ours.size(1), 7);
  EXPECT_EQ(ours[0][6].item<float>(), 0.0F);
}

}  // namespace
}  // namespace ddpm
