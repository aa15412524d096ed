#include <csignal>
#include <filesystem>
#include <fstream>
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
  for (const char* name : {"config.yaml", "log.txt", "metrics.jsonl", "samples/step-000006.png",
                           "checkpoints/last/model_index.json", "checkpoints/last/unet/config.json",
                           "checkpoints/last/training/state.json"})
    EXPECT_TRUE(exists(std::string("runs/tiny/") + name)) << name;
  EXPECT_EQ(fs::read_symlink(dir_.path() / "runs/last"), "tiny");
}

TEST_F(TrainCommand, MetricsHaveTheFieldsThatScriptsReadOn) {
  train();
  std::ifstream lines(dir_.path() / "runs/tiny/metrics.jsonl");
  int64_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const auto object = json::parse(line);
    for (const char* key :
         {"step", "images", "loss", "grad_norm", "lr", "images_per_second", "seconds"})
      EXPECT_TRUE(object.contains(key)) << key;
    EXPECT_EQ(object.at("step"), 2 * (count + 1));
  }
  EXPECT_EQ(count, 3);
}

TEST_F(TrainCommand, JsonIsOneObject) {
  const auto result = json::parse(train({"--json", "-q"}).out);
  EXPECT_EQ(result.at("step"), 6);
  EXPECT_EQ(result.at("end"), "finished");
}

TEST_F(TrainCommand, DryRunTellsThePlanAndTouchesNothing) {
  const auto result = train({"--dry-run", "--json"});
  const auto plan = json::parse(result.out);
  EXPECT_GT(plan.at("parameters"), 1000);
  EXPECT_GT(plan.at("macs_per_image"), 1000);
  EXPECT_EQ(plan.at("dataset").at("images"), 6);
  EXPECT_EQ(plan.at("dataset").at("shape"), (json{1, 8, 8}));
  EXPECT_EQ(plan.at("dataset").at("classes"), 2);
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
  expect_error(train({"--train.batch_size", "0"}), 2, "train.batch_size");
  expect_error(train({"--train.gradient_accumulation_steps", "3"}), 2, "multiple");
  expect_error(train({"--model.norm_num_groups", "5"}), 2, "norm_num_groups");
  expect_error(train({"--sample.guidance", "3", "--train.label_dropout", "0"}), 2, "guidance");
  expect_error(train({"--precision", "tf32", "--device", "cpu"}), 2, "tf32");
  expect_error(train({"--max-time", "soon"}), 2, "90s, 10m or 1h30m");
  expect_error(train({"--train.steps", "null"}), 2, "--max-time");
  expect_error(train({"--data.image_size", "9"}), 2, "nearest: 8 or 10");
  dir_.write("twice.yaml", "train:\n  lr: 0.1\n  lr: 0.2\n");
  expect_error(ddpm({"train", "--config", "twice.yaml"}), 2, "twice.yaml:3");
  EXPECT_FALSE(exists("runs"));
}

TEST_F(TrainCommand, WrongDataAreDataErrors) {
  expect_error(train({"--data.root", "nowhere"}), 3, "nowhere");
  dir_.write("images/cat/broken.png", "not a picture");
  expect_error(train(), 3, "broken.png");
  EXPECT_FALSE(exists("runs"));
  EXPECT_EQ(train({"--data.skip_bad", "true"}).exit_code, 0);
}

TEST_F(TrainCommand, FoldersWithoutClassesCannotBeClassConditional) {
  fs::rename(dir_.path() / "images/cat", dir_.path() / "flat");
  expect_error(train({"--data.root", "flat"}), 2, "sub-folder");
  EXPECT_EQ(train({"--data.root", "flat", "--model.class_conditional", "false"}).exit_code, 0);
}

TEST_F(TrainCommand, MissingGpuIsADeviceError) {
  if (fs::exists("/dev/nvidiactl")) GTEST_SKIP() << "this machine has a GPU";
  expect_error(train({"--device", "cuda"}), 6, "no NVIDIA driver");
  expect_error(train({"--device", "gpu"}), 2, "auto, cpu, cuda");
}

TEST_F(TrainCommand, RunsAreNeverOverwritten) {
  ASSERT_EQ(train().exit_code, 0);
  expect_error(train(), 2, "--resume");
  EXPECT_EQ(train({"--dry-run"}).exit_code, 0);
  expect_error(train({"--train.lr", "-1"}), 2, "train.lr");
  EXPECT_EQ(train({"--run", "elsewhere"}).exit_code, 0);
}

TEST_F(TrainCommand, ResumeWithoutAConfigGoesOnWithTheNewestRun) {
  expect_error(ddpm({"train", "--resume"}), 4, "no trained model");
  expect_error(ddpm({"train", "--resume", "--run", "runs/none"}), 2, "no run to go on with");
  ASSERT_EQ(train().exit_code, 0);
  EXPECT_EQ(ddpm({"train", "--resume", "--train.steps", "7"}).exit_code, 0);
  EXPECT_TRUE(exists("runs/tiny/checkpoints/step-000007"));
}

TEST_F(TrainCommand, ResumeOfNothingStartsAndOfAFinishedRunEnds) {
  EXPECT_EQ(train({"--resume"}).exit_code, 0);
  const auto state = read_file(dir_.path() / "runs/tiny/checkpoints/last/training/state.json");
  EXPECT_EQ(train({"--resume"}).exit_code, 0);
  EXPECT_EQ(read_file(dir_.path() / "runs/tiny/checkpoints/last/training/state.json"), state);
}

TEST_F(TrainCommand, ResumeMayGoFurtherButNotChangeTheModel) {
  ASSERT_EQ(train().exit_code, 0);
  expect_error(train({"--resume", "--model.dropout", "0.5"}), 2, "model.dropout was 0, now 0.5");
  expect_error(train({"--resume", "--train.batch_size", "2"}), 2, "train.batch_size was 4, now 2");
  const auto further = train({"--resume", "--train.steps", "8", "--train.save_every", "1"});
  EXPECT_EQ(further.exit_code, 0) << further.err;
  EXPECT_TRUE(exists("runs/tiny/checkpoints/step-000008"));
  EXPECT_EQ(ddpm({"train", "--run", "runs/tiny", "--resume"}).exit_code, 0);
}

TEST_F(TrainCommand, ResumeTellsWhatElseChangedAndRefusesOtherClasses) {
  ASSERT_EQ(train().exit_code, 0);
  expect_error(train({"--resume", "--train.label_dropout", "0", "-q"}), 2, "num_class_embeds");
  dir_.write("images/horse/1.png", read_file(dir_.path() / "images/cat/0.png"));
  expect_error(train({"--resume", "-q"}), 2, "_class_names");
  fs::remove_all(dir_.path() / "images/horse");
  const auto further = train({"--resume", "--train.lr", "0.5", "--train.steps", "7"});
  EXPECT_EQ(further.exit_code, 0);
  EXPECT_NE(further.err.find("train.lr was 0.0002, now 0.5"), std::string::npos) << further.err;
}

TEST_F(TrainCommand, FilesOfAPersonsOwnAreNotTakenForARun) {
  dir_.write("config.yaml", "mine");
  expect_error(train({"--run", "."}), 2, "config.yaml");
  expect_error(train({"--run", ".", "--resume"}), 2, "config.yaml");
  EXPECT_EQ(read_file(dir_.path() / "config.yaml"), "mine");
}

TEST_F(TrainCommand, ASecondTrainerOfTheRunIsRefused) {
  BackgroundCommand first({"train", "--config", "tiny.yaml", "--train.steps", "1000000"},
                          dir_.path());
  wait_for_checkpoint(dir_.path());
  expect_error(train({"--resume", "-q"}), 2, "is training in this folder");
  first.send(SIGTERM);
  EXPECT_EQ(first.wait().exit_code, 85);
}

TEST_F(TrainCommand, ASlashAtTheEndOfTheRunChangesNothing) {
  EXPECT_EQ(train({"--run", "runs/other/"}).exit_code, 0);
  EXPECT_EQ(fs::read_symlink(dir_.path() / "runs/last"), "other");
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
  const auto result = train({"--train.steps", "1000000", "--max-time", "2s", "--json"});
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

}  // namespace
}  // namespace ddpm
