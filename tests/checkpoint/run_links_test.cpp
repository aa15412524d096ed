#include "ddpm/checkpoint/run_links.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "ddpm/checkpoint/checksums.h"
#include "ddpm/checkpoint/run_directory.h"
#include "ddpm/util/files.h"
#include "tests/support/log_messages.h"
#include "tests/support/temp_dir.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class RunLinksTest : public testing::Test {
 protected:
  RunLinksTest() {
    for (const char* step : {"step-000003", "step-000006"}) {
      dir_.write(std::string("checkpoints/") + step + "/unet/x", step);
      write_checksums(checkpoints_ / step);
    }
  }

  static std::error_code no_links(const std::string&, const fs::path&) {
    return std::make_error_code(std::errc::operation_not_permitted);
  }

  int64_t warnings() const {
    const auto& all = messages_.all();
    return std::ranges::count(all, '\n');
  }

  const TempDir dir_;
  const fs::path checkpoints_ = dir_.path() / "checkpoints";
  const fs::path last_ = checkpoints_ / "last";
  const LogMessages messages_;
};

TEST_F(RunLinksTest, MoveALink) {
  RunLinks links;
  links.point(last_, "step-000003");
  links.point(last_, "step-000006");
  EXPECT_EQ(fs::read_symlink(last_), "step-000006");
  EXPECT_EQ(warnings(), 0);
}

TEST_F(RunLinksTest, WithoutLinksAFileHasTheNameAndIsReadAsOne) {
  RunLinks links(no_links);
  links.point(last_, "step-000003");
  links.point(last_, "step-000006");
  EXPECT_EQ(read_file(last_), "step-000006\n");
  EXPECT_EQ(pointed_at(last_), "step-000006");
  EXPECT_EQ(resolve_checkpoint(last_), checkpoints_ / "step-000006");
  EXPECT_EQ(warnings(), 1) << messages_.all();
  RunLinks().point(last_, "step-000003");
  EXPECT_EQ(fs::read_symlink(last_), "step-000003");
}

TEST_F(RunLinksTest, ACopyThatFollowedTheLinkIsSetAside) {
  fs::copy(checkpoints_ / "step-000006", last_, fs::copy_options::recursive);
  RunLinks().point(last_, "step-000006");
  EXPECT_EQ(fs::read_symlink(last_), "step-000006");
  EXPECT_EQ(read_file(checkpoints_ / "last.copy/unet/x"), "step-000006");
  EXPECT_TRUE(messages_.have("is a copy of step-000006"));
}

TEST_F(RunLinksTest, WhatIsAPersonsOwnIsLeftAlone) {
  dir_.write("checkpoints/last/notes.txt", "mine");
  dir_.write("checkpoints/best", "two lines,\nthat are no name");
  RunLinks links;
  for (int i = 0; i < 2; ++i)
    for (const char* name : {"last", "best"})
      links.point(checkpoints_ / name, "step-000006");
  EXPECT_EQ(read_file(last_ / "notes.txt"), "mine");
  EXPECT_TRUE(fs::is_regular_file(checkpoints_ / "best"));
  EXPECT_EQ(warnings(), 2) << messages_.all();
}

TEST_F(RunLinksTest, AFolderThatTakesNothingIsAWarning) {
  RunLinks links(no_links);
  links.point(dir_.path() / "none/last", "step-000006");
  EXPECT_EQ(warnings(), 1) << messages_.all();
}

TEST_F(RunLinksTest, NamesInFilesStayBesideThem) {
  for (const char* text : {"../step-000003", "/etc", "..", ".hidden", "", "a\nb", "a\tb"})
    EXPECT_TRUE(pointed_at(dir_.write("checkpoints/last", text)).empty()) << text;
}

}  // namespace
}  // namespace ddpm
