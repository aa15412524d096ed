#include "ddpm/train/metrics_log.h"

#include <gtest/gtest.h>

#include "ddpm/util/files.h"
#include "tests/support/temp_dir.h"

namespace ddpm {
namespace {

TEST(MetricsLog, DropsLaterAndTornLinesOnOpening) {
  const TempDir dir;
  const auto path =
      dir.write("metrics.jsonl", "{\"step\":10}\n{\"step\":20}\n{\"step\":30}\n{\"step\":4");
  MetricsLog(path, 20).write({.step = 25, .images = 100, .loss = 0.5});
  const auto text = read_file(path);
  EXPECT_TRUE(text.starts_with("{\"step\":10}\n{\"step\":20}\n{\"step\":25,\"images\":100,"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
}

TEST(MetricsLog, LinesThatTheDiskDoesNotTakeWait) {
  const TempDir dir;
  const auto path = dir.path() / "metrics.jsonl";
  MetricsLog log(path, 0);
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  log.write({.step = 1});
  std::filesystem::remove(path);
  log.write({.step = 2});
  const auto text = read_file(path);
  EXPECT_TRUE(text.starts_with("{\"step\":1,"));
  EXPECT_NE(text.find("\n{\"step\":2,"), text.npos);
}

TEST(MetricsLog, LinesThatWaitAreWrittenBeforeACheckpoint) {
  const TempDir dir;
  const auto path = dir.path() / "metrics.jsonl";
  MetricsLog log(path, 0);
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  log.write({.step = 1});
  log.settle();  // still in vain
  std::filesystem::remove(path);
  log.settle();
  EXPECT_TRUE(read_file(path).starts_with("{\"step\":1,"));
}

TEST(MetricsLog, LinesThatAreNoMetricsAreDropped) {
  const TempDir dir;
  const auto path = dir.write("metrics.jsonl", "[]\n{\"step\":\"x\"}\n{\"step\":10}\n3\n");
  const MetricsLog log(path, 20);
  EXPECT_EQ(read_file(path), "{\"step\":10}\n");
}

}  // namespace
}  // namespace ddpm
