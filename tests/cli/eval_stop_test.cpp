#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
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

/// Bits of six images, of 1000 network calls each.
class StoppedBits : public EvalCommand {
 protected:
  StoppedBits() {
    EXPECT_EQ(
        train({"-q", "--run", "runs/long", "--diffusion.num_train_timesteps", "1000"}).exit_code,
        0);
    const auto start = std::chrono::steady_clock::now();
    undisturbed_ = measure();
    seconds_ = std::chrono::steady_clock::now() - start;
    EXPECT_EQ(undisturbed_.exit_code, 0) << undisturbed_.err;
  }

  CommandResult measure() const { return ddpm(kWords); }

  /// The file that a stop with some images done leaves. Tried anew where it came too soon or too
  /// late.
  fs::path stop() const {
    const auto folder = dir_.path() / "cache/ddpm/partial";
    for (int tries = 0; tries < 20; ++tries) {
      BackgroundCommand command(kWords, dir_.path());
      command.wait_until(
          [&] { return command.err().find("bits per dimension:") != std::string::npos; });
      std::this_thread::sleep_for(seconds_ * (0.2 + 0.1 * (tries % 6)));
      command.send(SIGINT);
      command.wait();
      if (fs::exists(folder) && !fs::is_empty(folder)) break;
    }
    for (const auto& entry : fs::directory_iterator(folder))
      return entry.path();
    ADD_FAILURE() << "no stop left a part";
    return {};
  }

  const std::vector<std::string> kWords{"eval", "--bpd", "--bpd-draws", "0", "--batch-size", "1"};
  CommandResult undisturbed_;
  std::chrono::duration<double> seconds_{};
};

TEST_F(StoppedBits, GoOn) {
  stop();
  const auto rest = measure();
  EXPECT_NE(rest.err.find("bits per dimension: going on after"), std::string::npos) << rest.err;
  EXPECT_EQ(rest.out, undisturbed_.out);
}

TEST_F(StoppedBits, AreNotTakenUpIfTheyAreDamaged) {
  const auto partial = stop();
  ASSERT_FALSE(partial.empty());
  const auto kept = json::parse(read_file(partial));
  std::vector<std::string> damaged{std::string(1000, '['), "[]", "{}"};
  const auto damage = [&](const std::function<void(json&)>& change) {
    auto object = kept;
    change(object);
    damaged.push_back(object.dump());
  };
  for (const char* list : {"bits", "prior", "steps", "decoder", "calls"})
    damage([&](json& object) { object[list].push_back(1.0); });
  damage([](json& object) {
    for (const char* list : {"bits", "prior", "steps", "decoder"})
      object[list] = json::array({1, 2, 3, 4, 5, 6, 7});  // of six images
  });
  damage([](json& object) { object["table"].erase(7); });
  damage([](json& object) { object["table"].push_back({1000, 0, 0, 0}); });
  damage([](json& object) { object["table"][7][0] = 1e300; });
  damage([](json& object) { object["table"][7][1] = -1; });
  damage([](json& object) { object["bits"][0] = nullptr; });
  for (const auto& text : damaged) {
    write_file_atomic(partial, text);
    BackgroundCommand command(kWords, dir_.path());
    EXPECT_TRUE(command.wait_until(
        [&] { return command.err().find("bits per dimension:") != std::string::npos; }));
    EXPECT_NE(command.err().find("starting anew"), std::string::npos) << text.substr(0, 200);
    command.send(SIGKILL);
    command.wait();
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
