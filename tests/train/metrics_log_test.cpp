#include "ddpm/train/metrics_log.h"

#include <gtest/gtest.h>

#include "ddpm/util/files.h"
#include "tests/support/temp_dir.h"

namespace ddpm {
namespace {

/// A folder is in the file's place when the line of step 1 comes.
class MetricsLogOnBadDisk : public testing::Test {
 protected:
  MetricsLogOnBadDisk() {
    std::filesystem::remove(path_);
    std::filesystem::create_directory(path_);
    log_.write({.step = 1});
  }

  TempDir dir_;
  std::filesystem::path path_ = dir_.path() / "metrics.jsonl";
  MetricsLog log_{path_, 0};
};

TEST(MetricsLog, DropsLaterAndTornLinesOnOpening) {
  const TempDir dir;
  const auto path =
      dir.write("metrics.jsonl", "{\"step\":10}\n{\"step\":20}\n{\"step\":30}\n{\"step\":4");
  MetricsLog(path, 20).write({.step = 25, .images = 100, .loss = 0.5});
  const auto text = read_file(path);
  EXPECT_TRUE(text.starts_with("{\"step\":10}\n{\"step\":20}\n{\"step\":25,\"images\":100,"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
}

TEST_F(MetricsLogOnBadDisk, LinesThatTheDiskDoesNotTakeWait) {
  std::filesystem::remove(path_);
  log_.write({.step = 2});
  const auto text = read_file(path_);
  EXPECT_TRUE(text.starts_with("{\"step\":1,"));
  EXPECT_NE(text.find("\n{\"step\":2,"), text.npos);
}

TEST_F(MetricsLogOnBadDisk, LinesThatWaitAreWrittenBeforeACheckpoint) {
  log_.settle();  // still in vain
  std::filesystem::remove(path_);
  log_.settle();
  EXPECT_TRUE(read_file(path_).starts_with("{\"step\":1,"));
}

TEST(MetricsLog, LinesThatAreNoMetricsAreDropped) {
  const TempDir dir;
  const auto path = dir.write("metrics.jsonl", "[]\n{\"step\":\"x\"}\n{\"step\":10}\n3\n");
  const MetricsLog log(path, 20);
  EXPECT_EQ(read_file(path), "{\"step\":10}\n");
}

}  // namespace
}  // namespace ddpm
