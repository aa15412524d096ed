#include "ddpm/train/decision.h"

#include <array>

#include <gtest/gtest.h>

#include "tests/support/thread_ranks.h"

namespace ddpm {
namespace {

TEST(Decision, OfOneRankIsItsOwn) {
  const Decision own{
      .step = 7, .save = true, .decay = {.total_steps = 40, .start = 5, .done = 0.1}};
  const auto agreed = agree(single_rank(), own);
  EXPECT_EQ(agreed.step, 7);
  EXPECT_TRUE(agreed.save);
  EXPECT_FALSE(agreed.stop);
  EXPECT_EQ(agreed.decay.total_steps, 40);
  EXPECT_EQ(agreed.decay.start, 5);
  EXPECT_EQ(agreed.decay.done, 0.1);
  EXPECT_FALSE(agree(single_rank(), Decision()).decay.total_steps);
}

TEST(Decision, WhatAnyRankWantsIsDoneButTheDecayIsTheLeaders) {
  std::array<Decision, 3> agreed;
  ThreadRanks(3).run([&](Ranks& ranks) {
    Decision own;
    if (ranks.leads()) own = {.time_up = true, .decay = {.total_steps = 40, .start = 5}};
    if (ranks.rank() == 1) own = {.decay = {.total_steps = 90, .start = 80, .done = 0.5}};
    if (ranks.rank() == 2) own = {.stop = true, .save_asked = true};
    agreed.at(static_cast<size_t>(ranks.rank())) = agree(ranks, own);
  });
  for (const auto& decision : agreed) {
    EXPECT_TRUE(decision.stop && decision.time_up && decision.save_asked);
    EXPECT_FALSE(decision.save || decision.hooks || decision.evaluation_due);
    EXPECT_EQ(decision.decay.total_steps, 40);
    EXPECT_EQ(decision.decay.start, 5);
    EXPECT_EQ(decision.decay.done, 0.0);
  }
}

}  // namespace
}  // namespace ddpm
