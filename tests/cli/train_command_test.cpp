#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

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

TEST_F(TrainCommand, ResumeFallsBackFromADamagedCheckpoint) {
  using Damage = std::function<void(const fs::path& checkpoint)>;
  const auto sum_anew = [](const fs::path& at) {
    fs::remove(at / "checksums.json");
    write_checksums(at);
  };
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
  fs::remove(checkpoint / "checksums.json");
  write_checksums(checkpoint);
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
