#include <csignal>
#include <filesystem>

#include "ddpm/util/files.h"
#include "tests/cli/eval_fixture.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

TEST_F(EvalCommand, ASignalKeepsWhatIsDone) {
  for (const int signal : {SIGINT, SIGTERM}) {
    fs::remove_all(dir_.path() / "cache/ddpm/partial");
    BackgroundCommand command(evaluation_without_end(), dir_.path());
    ASSERT_TRUE(command.wait_until([&] { return has_scored_some(command); }));
    command.send(signal);
    const auto result = command.wait();
    EXPECT_EQ(result.exit_code, 85) << result.err;
    EXPECT_NE(result.err.find("the same command goes on"), std::string::npos) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_FALSE(fs::is_empty(dir_.path() / "cache/ddpm/partial"));
  }
}

TEST_F(EvalCommand, ASignalKeepsTheImagesToSaveThatAreDone) {
  for (const std::string kept : {"many", "many.npz"}) {
    auto words = evaluation_without_end();
    words.insert(words.end(), {"--save-images", kept});
    BackgroundCommand command(words, dir_.path());
    ASSERT_TRUE(command.wait_until([&] { return has_scored_some(command); }));
    command.send(SIGUSR1);  // asks for a checkpoint, of which there is none to make
    ASSERT_TRUE(command.wait_until([&] {
      return command.err().find("/100000 images", command.err().find("/100000 images") + 1) !=
             std::string::npos;
    }));
    command.send(SIGTERM);
    const auto stopped = command.wait();
    EXPECT_EQ(stopped.exit_code, 85);
    EXPECT_NE(stopped.err.find("images are in " + kept), std::string::npos) << stopped.err;
    EXPECT_EQ(stopped.err.find("the same command"), std::string::npos) << stopped.err;
    const auto again = eval_json({"--fid", "--images", kept, "--checkpoint", "runs/tiny"});
    EXPECT_GT(again.at("images").at("n"), 1);
  }
  for (const auto& entry : fs::directory_iterator(dir_.path() / "many"))
    EXPECT_EQ(load_image(entry.path()).width, 8) << entry.path();
}

TEST_F(EvalCommand, AStopAfterTheImagesDrawsThemNotAgain) {
  const auto result = stopped_in_bits({});
  EXPECT_NE(result.err.find("the same command goes on"), std::string::npos) << result.err;
  const auto rest = ddpm({"eval", "--fid", "-n", "8"});
  EXPECT_NE(rest.err.find("going on after 8 images"), std::string::npos) << rest.err;
  const auto again = ddpm({"eval", "--fid", "-n", "8"});
  EXPECT_EQ(again.err.find("going on after"), std::string::npos) << again.err;
  EXPECT_EQ(again.out, rest.out);
}

TEST_F(EvalCommand, ImagesAreKeptIfAStopComesAfterThem) {
  const auto result = stopped_in_bits({"--save-images", "x.npz"});
  EXPECT_NE(result.err.find("images are in x.npz"), std::string::npos) << result.err;
  EXPECT_EQ(eval_json({"--fid", "--images", "x.npz"}).at("images").at("n"), 8);
}

TEST_F(EvalCommand, AFullCacheCostsNoNumbers) {
  eval({"--fid", "-n", "8"});
  for (const char* area : {"partial", "statistics"}) {
    fs::remove_all(dir_.path() / "cache/ddpm" / area);
    dir_.write(std::string("cache/ddpm/") + area, "in the way");
  }
  const auto result = eval({"--fid", "-n", "8", "--neighbours"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(result.out.starts_with("FD ")) << result.out;
}

TEST_F(EvalCommand, ADamagedClassifierInTheCacheIsTrainedAnew) {
  const auto first = eval({"--fid", "-n", "8"});
  for (const auto& entry : fs::recursive_directory_iterator(dir_.path() / "cache"))
    if (entry.path().filename() == "model.safetensors") fs::resize_file(entry.path(), 1000);
  const auto second = eval({"--fid", "-n", "8"});
  EXPECT_EQ(second.exit_code, 0) << second.err;
  EXPECT_NE(second.err.find("model.safetensors: damaged"), std::string::npos) << second.err;
  EXPECT_NE(second.err.find("trained anew"), std::string::npos) << second.err;
  EXPECT_EQ(second.out, first.out);
}

}  // namespace
}  // namespace ddpm
