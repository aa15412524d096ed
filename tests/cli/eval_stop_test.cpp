#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

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

TEST_F(EvalCommand, AStopKeepsTheBitsThatAreDone) {
  ASSERT_EQ(
      train({"-q", "--run", "runs/long", "--diffusion.num_train_timesteps", "1000"}).exit_code, 0);
  const std::vector<std::string> words{"eval", "--bpd", "--batch-size", "1"};
  const auto undisturbed = ddpm(words);
  ASSERT_EQ(undisturbed.exit_code, 0) << undisturbed.err;
  // Later and later, until it has done an image and not yet all six.
  const auto folder = dir_.path() / "cache/ddpm/partial";
  for (int wait = 200; !fs::exists(folder) || fs::is_empty(folder); wait += 50) {
    BackgroundCommand command(words, dir_.path());
    std::this_thread::sleep_for(std::chrono::milliseconds(wait));
    command.send(SIGINT);
    ASSERT_NE(command.wait().exit_code, 0);
  }
  const auto partials = fs::directory_iterator(folder);
  const auto partial = partials->path();
  const auto kept = read_file(partial);
  const auto rest = ddpm(words);
  EXPECT_NE(rest.err.find("bits per dimension: going on after"), std::string::npos) << rest.err;
  EXPECT_EQ(rest.out, undisturbed.out);
  // What is no part of this measurement is not gone on from.
  for (const auto& damaged :
       {std::string(
            R"({"bits":[1],"prior":[],"steps":[],"decoder":[],"calls":[],"table":[[0,0,0,0]]})"),
        std::string(1000, '['), kept.substr(0, kept.size() / 2)}) {
    write_file_atomic(partial, damaged);
    const auto anew = ddpm(words);
    EXPECT_NE(anew.err.find("starting anew"), std::string::npos) << anew.err;
    EXPECT_EQ(anew.out, undisturbed.out);
  }
}

TEST_F(EvalCommand, NamesThatAreNoUtf8CostNoNumbers) {
  fs::create_directories(dir_.path() / "caf\xE9");
  for (int i = 0; i < 4; ++i)
    write_image("caf\xE9/" + std::to_string(i) + ".png", static_cast<uint8_t>(50 * i));
  const auto result = eval_json({"--fid", "--images", "caf\xE9", "--checkpoint", "runs/tiny"});
  EXPECT_EQ(result.at("images").at("source"), "caf\xEF\xBF\xBD");
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
