#include "ddpm/util/log.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "tests/support/temp_dir.h"

namespace ddpm {
namespace {

TEST(LogListener, HearsMessagesForAsLongAsItLives) {
  std::vector<std::string> heard;
  {
    const LogListener listener([&](LogLevel level, const std::string& message) {
      heard.push_back(std::to_string(static_cast<int>(level)) + message);
    });
    log_info("a");
    log_warning("b");
  }
  log_notice("c");
  EXPECT_EQ(heard, (std::vector<std::string>{"0a", "2b"}));
}

TEST(LogListener, HearsHowFarWorkHasCome) {
  std::vector<std::string> heard;
  const LogListener listener({}, [&](const std::string& text) { heard.push_back(text); });
  WorkProgress progress(4.0);
  progress.at(0.0, [] { return "nothing done yet"; });
  progress.at(2.0, [] { return "2/4"; });
  progress.at(3.0, [] { return "too soon after the last"; });
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_TRUE(heard[0].starts_with("2/4  ") && heard[0].ends_with(" left")) << heard[0];
}

TEST(LogFile, TakesMessagesForAsLongAsItLives) {
  const TempDir dir;
  const auto path = dir.path() / "log.txt";
  {
    const LogFile file(path);
    log_info("inside");
  }
  log_info("outside");
  const auto text = read_file(path);
  EXPECT_NE(text.find(" I inside\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("outside"), std::string::npos);
}

TEST(LogFile, IsRefusedWhereItIsNoPlainFile) {
  const TempDir dir;
  EXPECT_THROW(LogFile file(dir.path()), DiskError);
}

}  // namespace
}  // namespace ddpm
