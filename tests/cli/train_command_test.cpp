#include <csignal>
#include <filesystem>
#include <thread>

#include "ddpm/util/files.h"
#include "tests/cli/command_fixture.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using TrainCommand = CommandTest;

/// Waits until a run of `tiny` has written its first checkpoint.
void wait_for_checkpoint(const fs::path& folder) {
  for (int i = 0; i < 600 && !fs::exists(folder / "runs/tiny/checkpoints/last"); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
}

TEST_F(TrainCommand, LeavesARunAndPrintsItsCheckpoint) {
  const auto result = train();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "runs/tiny/checkpoints/last\n");
  EXPECT_NE(result.err.find("done: 6 steps"), std::string::npos) << result.err;
  EXPECT_TRUE(exists("runs/tiny/checkpoints/last/model_index.json"));
}

TEST_F(TrainCommand, ASlashAtTheEndOfTheRunChangesNothing) {
  EXPECT_EQ(train({"--run", "runs/other/", "-q"}).out, "runs/other/checkpoints/last\n");
  EXPECT_EQ(fs::read_symlink(dir_.path() / "runs/last"), "other");
}

TEST_F(TrainCommand, JsonIsOneObject) {
  for (const std::string split : {"split/train", "split/test"})
    for (const std::string name : {"/cat/0.png", "/dog/1.png"})
      write_image(split + name, 100);
  const auto result = train({"--json", "-q", "--data.root", "split", "--train.task", "classifier"});
  auto object = json::parse(result.out);
  EXPECT_GE(object.at("test_accuracy"), 0.0);
  object.erase("test_accuracy");
  EXPECT_EQ(object,
            (json{{"checkpoint", "runs/tiny/checkpoints/last"}, {"step", 6}, {"end", "finished"}}));
  EXPECT_EQ(result.err, "");
}

TEST_F(TrainCommand, DryRunTellsThePlanAndTouchesNothing) {
  const auto result = train({"--dry-run", "--json"});
  const auto plan = json::parse(result.out);
  EXPECT_GT(plan.at("parameters"), 1000);
  EXPECT_GT(plan.at("macs_per_image"), 1000);
  EXPECT_EQ(plan.at("dataset").at("images"), 6);
  EXPECT_EQ(plan.at("dataset").at("shape"), (json{1, 8, 8}));
  EXPECT_EQ(plan.at("dataset").at("classes"), 2);
  EXPECT_EQ(plan.at("dataset").at("left_out"), json::object());
  EXPECT_EQ(plan.at("run"), "runs/tiny");
  EXPECT_EQ(plan.at("device"), "cpu");
  EXPECT_EQ(plan.at("precision"), "float32");
  EXPECT_FALSE(exists("runs"));
}

TEST_F(TrainCommand, ProfilePrintsATableAndTouchesNothing) {
  const auto result = train({"--profile", "2"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  for (const char* row : {"kind of operator", "convolution", "group norm + SiLU", "whole step"})
    EXPECT_NE(result.out.find(row), std::string::npos) << row;
  EXPECT_FALSE(exists("runs"));
}

TEST_F(TrainCommand, PrintedConfigReadsBackTheSame) {
  const auto printed = train({"--print-config", "--train.lr", "0.001"}).out;
  EXPECT_NE(printed.find("lr: 0.001"), std::string::npos);
  dir_.write("again.yaml", printed);
  EXPECT_EQ(ddpm({"train", "--config", "again", "--print-config"}).out, printed);
}

TEST_F(TrainCommand, InstalledConfigsAreFoundByName) {
  EXPECT_EQ(ddpm({"train", "--config", "cifar.yaml", "--print-config"}).exit_code, 0);
  EXPECT_EQ(ddpm({"train", "--config", "cifar", "--print-config"}).exit_code, 0);
  expect_error(ddpm({"train", "--config", "cifra"}), 2, "cifar");
}

TEST_F(TrainCommand, WrongSettingsAreRefusedBeforeAnythingIsTouched) {
  expect_error(train({"--train.lr", "nan"}), 2, "train.lr");
  expect_error(train({"--precision", "tf32", "--device", "cpu"}), 2, "tf32");
  expect_error(train({"--max-time", "soon"}), 2, "90s, 10m or 1h30m");
  expect_error(train({"--train.steps", "null"}), 2, "--max-time");
  EXPECT_FALSE(exists("runs"));
}

TEST_F(TrainCommand, DataAndCheckpointsHaveTheirOwnExitCodes) {
  expect_error(train({"--data.root", "nowhere"}), 3, "nowhere");
  expect_error(ddpm({"train", "--resume"}), 4, "no trained model");
}

TEST_F(TrainCommand, MissingGpuIsADeviceError) {
  if (fs::exists("/dev/nvidiactl")) GTEST_SKIP() << "this machine has a GPU";
  expect_error(train({"--device", "cuda"}), 6, "no NVIDIA driver");
  expect_error(train({"--device", "gpu"}), 2, "auto, cpu, cuda");
}

TEST_F(TrainCommand, ResumeWithoutAConfigGoesOnWithTheNewestRun) {
  ASSERT_EQ(train({"-q"}).exit_code, 0);
  expect_error(train({"-q"}), 2, "go on with --resume");
  const auto result = ddpm({"train", "--resume", "--train.steps", "7"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find("changed: train.steps was 6, now 7"), std::string::npos) << result.err;
  EXPECT_TRUE(exists("runs/tiny/checkpoints/step-000007"));
}

TEST_F(TrainCommand, ASecondTrainerOfTheRunIsRefused) {
  BackgroundCommand first({"train", "--config", "tiny.yaml", "--train.steps", "1000000"},
                          dir_.path());
  wait_for_checkpoint(dir_.path());
  expect_error(train({"--resume", "-q"}), 2, "is training in this folder");
  first.send(SIGTERM);
  EXPECT_EQ(first.wait().exit_code, 85);
}

TEST_F(TrainCommand, ASignalAsksForACheckpoint) {
  BackgroundCommand command({"train", "--config", "tiny.yaml", "--train.steps", "1000000",
                             "--train.save_every", "0", "--train.log_every", "1"},
                            dir_.path());
  const auto metrics = dir_.path() / "runs/tiny/metrics.jsonl";
  for (int i = 0; i < 600 && (!fs::exists(metrics) || fs::is_empty(metrics)); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  command.send(SIGUSR1);
  wait_for_checkpoint(dir_.path());
  command.send(SIGINT);
  const auto result = command.wait();
  EXPECT_EQ(result.exit_code, 85) << result.err;
  EXPECT_NE(result.err.find("checkpoint: runs/tiny/checkpoints/step-"), std::string::npos);
}

TEST_F(TrainCommand, UnwritableRunFoldersAreDiskErrors) {
  dir_.write("file", "mine");
  expect_error(train({"--run", "file/run"}), 5, "file/run");
}

TEST_F(TrainCommand, DivergenceHasItsOwnExitCode) {
  const auto result = train({"--train.lr", "1e30", "--train.steps", "400", "-q",
                             "--train.max_grad_norm", "0", "--train.warmup_steps", "0"});
  EXPECT_EQ(result.exit_code, 7) << result.err;
  EXPECT_NE(result.err.find("train.lr"), std::string::npos);
}

TEST_F(TrainCommand, MaxTimeEndsARunNormallyWithACheckpoint) {
  const auto result = train({"--train.steps", "1000000", "--max-time", "1s", "--json"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(json::parse(result.out).at("end"), "time_up");
  EXPECT_TRUE(exists("runs/tiny/checkpoints/last/training/state.json"));
}

TEST_F(TrainCommand, FirstSignalSavesAndTellsHowToGoOn) {
  for (const int signal : {SIGINT, SIGTERM}) {
    fs::remove_all(dir_.path() / "runs");
    BackgroundCommand command({"train", "--config", "tiny.yaml", "--train.steps", "1000000"},
                              dir_.path());
    wait_for_checkpoint(dir_.path());
    command.send(signal);
    const auto result = command.wait();
    EXPECT_EQ(result.exit_code, 85) << result.err;
    EXPECT_NE(result.err.find("stopping after this step"), std::string::npos);
    EXPECT_NE(result.err.find("--resume"), std::string::npos);
    EXPECT_EQ(result.out, "runs/tiny/checkpoints/last\n");
  }
}

TEST_F(TrainCommand, KilledRunGoesOnToTheBitsOfOneThatWasNot) {
  const std::vector<std::string> whole{"--train.steps", "40", "--threads", "1"};
  auto words = whole;
  words.insert(words.end(), {"--run", "runs/whole", "-q"});
  ASSERT_EQ(train(words).exit_code, 0);
  {
    BackgroundCommand command(
        {"train", "--config", "tiny.yaml", "--train.steps", "40", "--threads", "1"}, dir_.path());
    wait_for_checkpoint(dir_.path());
    command.send(SIGKILL);
    command.wait();
  }
  words = whole;
  words.emplace_back("--resume");
  ASSERT_EQ(train(words).exit_code, 0);
  for (const char* file : {"unet/diffusion_pytorch_model.safetensors", "training/unet.safetensors",
                           "training/exp_avg_sq.safetensors"}) {
    const auto path = fs::path("checkpoints/step-000040") / file;
    EXPECT_TRUE(read_file(dir_.path() / "runs/whole" / path) ==
                read_file(dir_.path() / "runs/tiny" / path))
        << file;
  }
}

TEST_F(TrainCommand, AnErrorOfTheDataTellsHowToGoOn) {
  for (int i = 6; i < 200; ++i)
    write_image("images/cat/" + std::to_string(i) + ".png", 7);
  BackgroundCommand command({"train", "--config", "tiny.yaml", "--data.memory_limit_gb", "0",
                             "--train.steps", "1000000", "--train.save_every", "0"},
                            dir_.path());
  ASSERT_TRUE(command.wait_until([&] { return exists("runs/tiny/metrics.jsonl"); }));
  std::filesystem::remove_all(dir_.path() / "images/cat");
  const auto result = command.wait();
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_NE(result.err.find("is kept; once the error is mended, go on with: ddpm train --config "),
            std::string::npos)
      << result.err;
  EXPECT_TRUE(exists("runs/tiny/checkpoints/last"));
}

}  // namespace
}  // namespace ddpm
