#include <csignal>
#include <filesystem>

#include "tests/cli/eval_fixture.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

/// An evaluation that only a signal ends.
class StoppedEval : public EvalCommand {
 protected:
  BackgroundCommand start(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words{"eval", "--fid",   "-n", "100000",     "--batch-size",
                                   "1",    "--steps", "1",  "--no-bounds"};
    words.insert(words.end(), more.begin(), more.end());
    return {words, dir_.path()};
  }
};

TEST_F(StoppedEval, KeepsWhatIsDone) {
  auto command = start();
  ASSERT_TRUE(command.wait_until(
      [&] { return command.err().find("/100000 images") != std::string::npos; }));
  command.send(SIGINT);
  const auto result = command.wait();
  EXPECT_EQ(result.exit_code, 85) << result.err;
  EXPECT_NE(result.err.find("the same command goes on"), std::string::npos) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_FALSE(fs::is_empty(dir_.path() / "cache/ddpm/partial"));
}

TEST_F(StoppedEval, KeepsTheImagesToSaveThatAreDone) {
  auto command = start({"--save-images", "many"});
  ASSERT_TRUE(command.wait_until([&] { return exists("many/000001.png"); }));
  command.send(SIGUSR1);  // asks for a checkpoint, of which there is none to make
  ASSERT_TRUE(command.wait_until([&] { return exists("many/000050.png"); }));
  command.send(SIGTERM);
  const auto result = command.wait();
  EXPECT_EQ(result.exit_code, 85) << result.err;
  EXPECT_NE(result.err.find("images are in many"), std::string::npos) << result.err;
  EXPECT_EQ(result.err.find("the same command"), std::string::npos) << result.err;
  for (const auto& entry : fs::directory_iterator(dir_.path() / "many"))
    EXPECT_EQ(load_image(entry.path()).width, 8) << entry.path();
}

}  // namespace
}  // namespace ddpm
