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
  RunFolder folder_{RunDirectory(dir_.path())};
  std::filesystem::path path_ = folder_.directory().metrics_file();
  MetricsLog log_{folder_, 0};
};

TEST(MetricsLog, DropsLaterAndTornLinesOnOpening) {
  const TempDir dir;
  const auto path =
      dir.write("metrics.jsonl", "{\"step\":10}\n{\"step\":20}\n{\"step\":30}\n{\"step\":4");
  RunFolder folder{RunDirectory(dir.path())};
  MetricsLog(folder, 20).write({.step = 25, .images = 100, .loss = 0.5});
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

TEST(MetricsLog, ExtrasAndScoresComeLast) {
  const TempDir dir;
  RunFolder folder{RunDirectory(dir.path())};
  MetricsLog(folder, 0).write({.step = 1, .extras = {{"accuracy", 0.5}}, .scores = {{"fd", 2.0}}});
  EXPECT_TRUE(read_file(folder.directory().metrics_file())
                  .ends_with("\"skipped_steps\":0,\"accuracy\":0.5,\"fd\":2.0}\n"));
}

TEST(MetricsLog, SkippedFilesAreToldWhereThereAreAny) {
  const TempDir dir;
  RunFolder folder{RunDirectory(dir.path())};
  MetricsLog log(folder, 0);
  log.write({.step = 1});
  log.write({.step = 2, .skipped_files = 3});
  const auto text = read_file(folder.directory().metrics_file());
  EXPECT_EQ(text.find("skipped_files"), text.rfind("skipped_files"));
  EXPECT_TRUE(text.ends_with("\"skipped_files\":3}\n"));
}

TEST(MetricsLog, LinesThatAreNoMetricsAreDropped) {
  const TempDir dir;
  const auto path = dir.write("metrics.jsonl", "[]\n{\"step\":\"x\"}\n{\"step\":10}\n3\n");
  RunFolder folder{RunDirectory(dir.path())};
  const MetricsLog log(folder, 20);
  EXPECT_EQ(read_file(path), "{\"step\":10}\n");
}

}  // namespace
}  // namespace ddpm
