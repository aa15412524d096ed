#include "ddpm/config/find_config.h"

#include <gtest/gtest.h>

#include "ddpm/util/error.h"
#include "support/temp_dir.h"

namespace ddpm {
namespace {
namespace fs = std::filesystem;

/// Makes a fresh folder the working one, with a program in `bin/`.
class FindConfig : public testing::Test {
 public:
  FindConfig() : before_(fs::current_path()) { fs::current_path(folder.path()); }
  ~FindConfig() override { fs::current_path(before_); }

 protected:
  /// The text of the file that is found.
  std::string found(const std::string& name) const {
    std::ifstream file(find_config(name, folder.path() / "bin/ddpm"));
    std::string text;
    file >> text;
    return text;
  }

  std::string error(const std::string& name) const {
    try {
      found(name);
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  }

  const TempDir folder;

 private:
  const fs::path before_;
};

TEST_F(FindConfig, ExtensionMayBeLeftOut) {
  folder.write("configs/cifar.yaml", "cifar");
  EXPECT_EQ(found("cifar"), "cifar");
  EXPECT_EQ(found("cifar.yaml"), "cifar");
  EXPECT_EQ(found("configs/cifar"), "cifar");
}

TEST_F(FindConfig, GivenPathComesBeforeConfigs) {
  folder.write("a.yaml", "here");
  folder.write("configs/a.yaml", "configs");
  EXPECT_EQ(found("a.yaml"), "here");
  EXPECT_EQ(found("a"), "here");
  EXPECT_EQ(found((folder.path() / "configs/a.yaml").string()), "configs");
}

TEST_F(FindConfig, WorkingFolderComesBeforeInstalled) {
  folder.write("share/ddpm/configs/a.yaml", "installed");
  EXPECT_EQ(found("a"), "installed");
  folder.write("configs/a.yaml", "configs");
  EXPECT_EQ(found("a"), "configs");
}

TEST_F(FindConfig, BuildTreeHasItsConfigsBesideIt) {
  folder.write("configs/a.yaml", "source");
  fs::create_directories("elsewhere");
  fs::current_path("elsewhere");
  EXPECT_EQ(found("a"), "source");
}

TEST_F(FindConfig, FolderOfThatNameIsPassedOver) {
  fs::create_directories("folder");
  folder.write("configs/folder.yaml", "configs");
  EXPECT_EQ(found("folder"), "configs");
}

TEST_F(FindConfig, LinkToTheProgramFindsItsConfigs) {
  folder.write("opt/bin/ddpm", "");
  folder.write("opt/share/ddpm/configs/a.yaml", "installed");
  fs::create_directories("bin");
  fs::create_symlink(folder.path() / "opt/bin/ddpm", "bin/ddpm");
  EXPECT_EQ(found("a"), "installed");
}

TEST_F(FindConfig, UnknownNameListsTheKnownOnes) {
  folder.write("configs/smoke.yaml", "");
  folder.write("configs/cifar.yaml", "");
  folder.write("share/ddpm/configs/cifar.yaml", "");
  folder.write("share/ddpm/configs/mnist.yaml", "");
  folder.write("configs/notes.txt", "");
  EXPECT_EQ(error("cifr.yaml"),
            "`config`: unknown config 'cifr.yaml'; did you mean 'cifar'? expected a file or one of "
            "cifar, mnist, smoke");
}

TEST_F(FindConfig, WithoutAnyConfigsTheErrorSaysSo) {
  EXPECT_EQ(error("a"), "`config`: no file 'a', and no configs are installed");
  EXPECT_NE(error(""), "");
}

TEST_F(FindConfig, AFileThatIsNotThereIsNamedWithTheOneLikeIt) {
  folder.write("mine/first.yaml", "");
  folder.write("mine/second.yml", "");
  EXPECT_EQ(error("mine/frist.yaml"),
            "`config` mine/frist.yaml: no such file; did you mean 'mine/first.yaml'?");
  EXPECT_NE(error("none/a.yaml").find("`config` none/a.yaml: no such folder"), std::string::npos);
}

}  // namespace
}  // namespace ddpm
