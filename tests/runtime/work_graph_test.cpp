#include "ddpm/runtime/work_graph.h"

#include <gtest/gtest.h>

#include "tests/support/fake_graph.h"

namespace ddpm {
namespace {

TEST(GraphedWork, WarmsUpRecordsOnceAndReplays) {
  GraphCalls calls;
  int done = 0;
  GraphedWork work(fake_graphs(calls), "counting", [&done] { ++done; });
  for (int run = 1; run <= 7; ++run) {
    work.run();
    EXPECT_EQ(done, run);
  }
  EXPECT_EQ(calls.made, 1);
  EXPECT_EQ(calls.warm_ups, 3);
  EXPECT_EQ(calls.records, 1);
  EXPECT_EQ(calls.replays, 4);
}

TEST(GraphedWork, GoesOnWithoutAGraphWhenItCannotBeRecorded) {
  GraphCalls calls;
  int done = 0;
  GraphedWork work(fake_graphs(calls, /*fails=*/true), "counting", [&done] { ++done; });
  for (int run = 1; run <= 7; ++run) {
    work.run();
    EXPECT_EQ(done, run);
  }
  EXPECT_EQ(calls.records, 1);
  EXPECT_EQ(calls.replays, 0);
}

TEST(GraphedWork, ErrorsOfTheWorkItselfComeOut) {
  GraphCalls calls;
  GraphedWork work(fake_graphs(calls), "failing", [] { throw std::runtime_error("no memory"); });
  EXPECT_THROW(work.run(), std::runtime_error);
}

}  // namespace
}  // namespace ddpm
