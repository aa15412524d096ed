#include <filesystem>
#include <functional>

#include <sys/resource.h>
#include <sys/stat.h>

#include "ddpm/checkpoint/checksums.h"
#include "ddpm/util/files.h"
#include "tests/cli/command_fixture.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using TrainCommand = CommandTest;

/// As whoever damages a checkpoint on purpose would.
void sum_anew(const fs::path& checkpoint) {
  fs::remove(checkpoint / "checksums.json");
  write_checksums(checkpoint);
}

TEST_F(TrainCommand, ResumeFallsBackFromADamagedCheckpoint) {
  using Damage = std::function<void(const fs::path& checkpoint)>;
  ASSERT_EQ(train({"--run", "runs/wider", "--model.block_out_channels", "[8, 24]"}).exit_code, 0);
  const auto wider = dir_.path() / "runs/wider/checkpoints/step-000006";
  const auto flip = [](const fs::path& file) {
    auto bytes = read_file(file);
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
    write_file_atomic(file, bytes);
  };
  const std::vector<std::pair<std::string, Damage>> damages{
      {"training/unet.safetensors: damaged",
       [](const fs::path& at) { fs::resize_file(at / "training/unet.safetensors", 1000); }},
      {"training/exp_avg.safetensors: damaged",
       [&](const fs::path& at) { flip(at / "training/exp_avg.safetensors"); }},
      {"config.yaml: damaged", [&](const fs::path& at) { flip(at / "config.yaml"); }},
      {"unet/config.json: missing",
       [](const fs::path& at) { fs::remove(at / "unet/config.json"); }},
      {"exp_avg_sq.safetensors: damaged, expected the tensors",
       [&](const fs::path& at) {
         fs::copy_file(wider / "training/exp_avg_sq.safetensors",
                       at / "training/exp_avg_sq.safetensors",
                       fs::copy_options::overwrite_existing);
         sum_anew(at);
       }},
      {"written by a newer ddpm",
       [&](const fs::path& at) {
         auto state = json::parse(read_file(at / "training/state.json"));
         state["version"] = 99;
         write_file_atomic(at / "training/state.json", state.dump());
         sum_anew(at);
       }},
  };
  ASSERT_EQ(train().exit_code, 0);
  const auto checkpoints = dir_.path() / "runs/tiny/checkpoints";
  const auto before = dir_.path() / "before";
  fs::rename(dir_.path() / "runs/tiny", before);
  for (const auto& [text, damage] : damages) {
    fs::remove_all(dir_.path() / "runs/tiny");
    fs::copy(before, dir_.path() / "runs/tiny",
             fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    damage(checkpoints / "step-000006");
    const auto result = train({"--resume", "--train.steps", "9", "-q"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_NE(result.err.find(text), std::string::npos) << text << "\n" << result.err;
    EXPECT_TRUE(fs::exists(checkpoints / "step-000006.damaged/training/state.json")) << text;
    EXPECT_TRUE(fs::exists(checkpoints / "step-000006/training/unet.safetensors")) << text;
    EXPECT_EQ(fs::read_symlink(checkpoints / "last"), "step-000009");
  }
}

TEST_F(TrainCommand, ResumeFallsBackFromACheckpointThatCannotBeRead) {
  ASSERT_EQ(train({"-q"}).exit_code, 0);
  const auto newest = dir_.path() / "runs/tiny/checkpoints/step-000006";
  fs::create_symlink("classifier", newest / "classifier");  // leads nowhere but to itself
  const auto result = train({"--resume"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find("step-000003"), std::string::npos) << result.err;
  EXPECT_TRUE(exists("runs/tiny/checkpoints/step-000006.damaged"));
}

TEST_F(TrainCommand, ALogThatIsNoFileIsADiskError) {
  ASSERT_EQ(train({"-q"}).exit_code, 0);
  fs::remove(dir_.path() / "runs/tiny/log.txt");
  ASSERT_EQ(::mkfifo((dir_.path() / "runs/tiny/log.txt").c_str(), 0600), 0);
  expect_error(train({"--resume", "-q"}), 5, "log.txt: cannot write the log");
}

TEST_F(TrainCommand, ANetworkFarLargerThanItsWeightsIsNotMade) {
  ASSERT_EQ(train({"-q"}).exit_code, 0);
  const auto checkpoint = dir_.path() / "runs/tiny/checkpoints/step-000006";
  auto settings = read_file(checkpoint / "config.yaml");
  const std::string widths = "block_out_channels: [8, 16]";
  ASSERT_NE(settings.find(widths), settings.npos);
  settings.replace(settings.find(widths), widths.size(), "block_out_channels: [32768, 32768]");
  write_file_atomic(checkpoint / "config.yaml", settings);
  auto network = json::parse(read_file(checkpoint / "unet/config.json"));
  network["block_out_channels"] = {32768, 32768};
  write_file_atomic(checkpoint / "unet/config.json", network.dump());
  sum_anew(checkpoint);
  expect_error(ddpm({"train", "--resume", "-q"}), 4, "the weights are too few");
}

TEST_F(TrainCommand, ARunWithoutAWholeCheckpointIsLeftAlone) {
  ASSERT_EQ(train().exit_code, 0);
  const auto checkpoints = dir_.path() / "runs/tiny/checkpoints";
  for (const char* step : {"step-000003", "step-000006"})
    fs::remove(checkpoints / step / "training/state.json");
  const auto result = train({"--resume", "-q"});
  EXPECT_EQ(result.exit_code, 4) << result.err;
  EXPECT_NE(result.err.find("none of the run's checkpoints is whole"), std::string::npos);
  EXPECT_TRUE(fs::exists(checkpoints / "step-000006/config.yaml"));
}

TEST_F(TrainCommand, SampleNamesADamagedFile) {
  ASSERT_EQ(train().exit_code, 0);
  const std::string name = "step-000006/unet/diffusion_pytorch_model.safetensors";
  const auto weights = dir_.path() / "runs/tiny/checkpoints" / name;
  std::string bytes = read_file(weights);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  write_file_atomic(weights, bytes);
  expect_error(ddpm({"sample", "-n", "1", "--out", "a.npy", "-q"}), 4, name + ": damaged");
  expect_error(ddpm({"eval", "--bpd", "--bpd-images", "2", "-q"}), 4, name + ": damaged");
  const auto config = dir_.path() / "runs/tiny/checkpoints/step-000003/config.yaml";
  auto text = read_file(config);
  const auto steps = text.find("steps: 3");
  ASSERT_NE(steps, text.npos);
  text[steps + 7] = '2';  // one bit
  write_file_atomic(config, text);
  expect_error(ddpm({"sample", "-n", "1", "--out", "a.npy", "-q", "--checkpoint",
                     "runs/tiny/checkpoints/step-000003"}),
               4, "config.yaml: damaged");
}

TEST_F(TrainCommand, NothingIsDrawnThroughALinkOutOfTheRun) {
  ASSERT_EQ(train({"-q"}).exit_code, 0);
  fs::create_directories(dir_.path() / "elsewhere");
  for (const char* part : {"samples", "eval"}) {
    fs::remove_all(dir_.path() / "runs/tiny" / part);
    fs::create_symlink(dir_.path() / "elsewhere", dir_.path() / "runs/tiny" / part);
  }
  expect_error(ddpm({"sample", "-n", "1", "-q"}), 5, "samples: is a link");
  const auto scored = ddpm({"eval", "--bpd", "--bpd-images", "2", "-q"});
  EXPECT_EQ(scored.exit_code, 5) << scored.err;
  EXPECT_NE(scored.err.find("eval: is a link"), std::string::npos) << scored.err;
  EXPECT_TRUE(fs::is_empty(dir_.path() / "elsewhere"));
}

TEST_F(TrainCommand, TooLittleMemorySaysWhatToLower) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the address sanitizer needs more address space than this test leaves";
#endif
  ASSERT_EQ(train({"-q"}).exit_code, 0);
  rlimit before{};
  ::getrlimit(RLIMIT_AS, &before);
  auto limit = before;
  limit.rlim_cur = rlim_t{4} << 30;  // LibTorch alone maps some of it
  ::setrlimit(RLIMIT_AS, &limit);
  const auto result =
      ddpm({"sample", "-q", "-n", "1000000", "--batch-size", "1000000", "--out", "a.npy"});
  const auto trained = train(
      {"-q", "--run", "runs/large", "--train.batch_size", "1000000", "--data.image_size", "64"});
  ::setrlimit(RLIMIT_AS, &before);
  expect_error(trained, 6, "lower train.batch_size");
  expect_error(result, 6, "lower train.batch_size or --batch-size");
  EXPECT_FALSE(exists("a.npy"));
  EXPECT_EQ(ddpm({"sample", "-q", "-n", "1", "--out", "a.npy"}).exit_code, 0);
}

TEST_F(TrainCommand, ACheckpointOfTheFirstReleaseLoadsForEver) {
  fs::create_directories(dir_.path() / "runs/tiny/checkpoints");
  const auto checkpoint = dir_.path() / "runs/tiny/checkpoints/step-000003";
  fs::copy(DDPM_TEST_DATA "/checkpoint-v1", checkpoint, fs::copy_options::recursive);
  const auto drawn =
      ddpm({"sample", "--checkpoint", checkpoint.string(), "-n", "2", "--out", "a.npy", "-q"});
  EXPECT_EQ(drawn.exit_code, 0) << drawn.err;
  const auto result = train({"--resume", "--json"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(json::parse(result.out).at("step"), 6);
}

}  // namespace
}  // namespace ddpm
