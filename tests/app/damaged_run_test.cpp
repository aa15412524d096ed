#include <cmath>
#include <filesystem>
#include <functional>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <torch/types.h>

#include "ddpm/app/train_session.h"
#include "ddpm/checkpoint/checksums.h"
#include "ddpm/util/files.h"
#include "tests/app/eval_fixture.h"
#include "tests/support/golden.h"
#include "tests/support/log_messages.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class DamagedRun : public EvalTest {
 protected:
  /// As whoever damages a checkpoint on purpose would.
  static void sum_anew(const fs::path& checkpoint) {
    fs::remove(checkpoint / "checksums.json");
    write_checksums(checkpoint);
  }

  /// Turns one bit over.
  static void flip(const fs::path& file, size_t byte) {
    auto bytes = read_file(file);
    bytes[byte] = static_cast<char>(bytes[byte] ^ 1);
    write_file_atomic(file, bytes);
  }
  static void flip_in_the_middle(const fs::path& file) { flip(file, fs::file_size(file) / 2); }

  /// Training goes on from step 3 after this damage to step 6, which the log tells, and sets that
  /// aside.
  void expect_fall_back(const std::string& told,
                        const std::function<void(const fs::path&)>& damage) const {
    if (!fs::exists("before")) fs::rename("runs/tiny", "before");
    fs::remove_all("runs/tiny");
    copy_folder("before", "runs/tiny");
    damage(kNewest);
    const LogMessages messages;
    EXPECT_EQ(train(resuming({{"train.steps", "9"}})).step, 9);
    EXPECT_TRUE(messages.have(told)) << told << "\n" << messages.all();
    EXPECT_TRUE(messages.have("going on from step-000003")) << messages.all();
    EXPECT_TRUE(exists(std::string(kNewest) + ".damaged/training/state.json")) << told;
    EXPECT_TRUE(exists(std::string(kNewest) + "/training/unet.safetensors")) << told;
    EXPECT_EQ(fs::read_symlink("runs/tiny/checkpoints/last"), "step-000009");
  }
};

TEST_F(DamagedRun, ResumeFallsBackFromFilesThatAreNotAsTheyWere) {
  expect_fall_back("training/unet.safetensors: damaged", [](const fs::path& at) {
    fs::resize_file(at / "training/unet.safetensors", 1000);
  });
  expect_fall_back("training/exp_avg.safetensors: damaged", [](const fs::path& at) {
    flip_in_the_middle(at / "training/exp_avg.safetensors");
  });
  expect_fall_back("config.yaml: damaged",
                   [](const fs::path& at) { flip_in_the_middle(at / "config.yaml"); });
  expect_fall_back("unet/config.json: missing",
                   [](const fs::path& at) { fs::remove(at / "unet/config.json"); });
}

TEST_F(DamagedRun, ResumeFallsBackFromTensorsOfAnotherModel) {
  train(training("runs/wider", {{"model.block_out_channels", "[8, 24]"}}));
  expect_fall_back("exp_avg_sq.safetensors: damaged, expected the tensors", [](const fs::path& at) {
    const std::string file = "training/exp_avg_sq.safetensors";
    fs::copy_file("runs/wider/checkpoints/step-000006/" + file, at / file,
                  fs::copy_options::overwrite_existing);
    sum_anew(at);
  });
}

TEST_F(DamagedRun, ResumeFallsBackFromANewerVersion) {
  expect_fall_back("written by a newer ddpm", [](const fs::path& at) {
    auto state = json::parse(read_file(at / "training/state.json"));
    state["version"] = 99;
    write_file_atomic(at / "training/state.json", state.dump());
    sum_anew(at);
  });
}

TEST_F(DamagedRun, ResumeFallsBackFromWhatCannotBeRead) {
  expect_fall_back("unet", [](const fs::path& at) {
    fs::remove_all(at / "unet");
    fs::create_symlink("unet", at / "unet");  // leads nowhere but to itself
  });
}

TEST_F(DamagedRun, WithoutAWholeCheckpointIsLeftAlone) {
  for (const char* step : {"step-000003", "step-000006"})
    fs::remove(std::string("runs/tiny/checkpoints/") + step + "/training/state.json");
  expect_error<CheckpointError>([] { train(resuming()); },
                                "runs/tiny: none of the run's checkpoints is whole");
  EXPECT_TRUE(exists(std::string(kNewest) + "/config.yaml"));
}

TEST_F(DamagedRun, WithoutALogTheRunGoesOn) {
  fs::remove("runs/tiny/log.txt");
  ASSERT_EQ(::mkfifo("runs/tiny/log.txt", 0600), 0);
  const LogMessages messages;
  EXPECT_EQ(train(resuming()).end, RunEnd::kFinished);
  EXPECT_TRUE(messages.have("log.txt: cannot write the log")) << messages.all();
}

TEST_F(DamagedRun, ACopyThatFollowedLinksGoesOn) {
  fs::remove("runs/tiny/checkpoints/last");
  fs::copy(kNewest, "runs/tiny/checkpoints/last", fs::copy_options::recursive);
  fs::create_directories("copy/runs");
  fs::copy("runs/tiny", "copy/runs/last", fs::copy_options::recursive);
  fs::copy("runs/tiny", "copy/runs/tiny", fs::copy_options::recursive);
  fs::remove_all("runs");
  fs::rename("copy/runs", "runs");
  const auto result = train(resuming());
  EXPECT_EQ(result.checkpoint, "runs/tiny/checkpoints/last");
  EXPECT_EQ(fs::read_symlink(result.checkpoint), "step-000006");
}

TEST_F(DamagedRun, ANetworkFarLargerThanItsWeightsIsNotMade) {
  const fs::path checkpoint = kNewest;
  auto settings = read_file(checkpoint / "config.yaml");
  const std::string widths = "block_out_channels: [8, 16]";
  ASSERT_NE(settings.find(widths), settings.npos);
  settings.replace(settings.find(widths), widths.size(), "block_out_channels: [32768, 32768]");
  write_file_atomic(checkpoint / "config.yaml", settings);
  write_file_atomic("runs/tiny/config.yaml", settings);
  auto network = json::parse(read_file(checkpoint / "unet/config.json"));
  network["block_out_channels"] = {32768, 32768};
  write_file_atomic(checkpoint / "unet/config.json", network.dump());
  sum_anew(checkpoint);
  TrainRequest request;
  request.run = "runs/tiny";
  request.resume = true;
  expect_error<CheckpointError>([&] { train(request); }, "the weights are too few");
}

TEST_F(DamagedRun, ATrainingStateThatIsNotFiniteIsRefusedByName) {
  for (const char* name : {"unet", "exp_avg", "exp_avg_sq"}) {
    const auto file = fs::path(kNewest) / "training" / (std::string(name) + ".safetensors");
    const auto before = load_safetensors(file);
    auto tensors = before;
    tensors.at("conv_out.bias") = torch::full_like(before.at("conv_out.bias"), std::nan(""));
    replace_safetensors(file, tensors);
    sum_anew(kNewest);
    expect_error<CheckpointError>(
        [] {
          train(resuming({{"train.steps", "9"}}));
        },
        std::string(name) + ".safetensors: tensor conv_out.bias is not finite");
    replace_safetensors(file, before);
    sum_anew(kNewest);
  }
}

TEST_F(DamagedRun, SampleAndEvalNameTheDamagedFile) {
  const std::string name = "step-000006/unet/diffusion_pytorch_model.safetensors";
  const fs::path weights = "runs/tiny/checkpoints/" + name;
  flip(weights, fs::file_size(weights) - 1);
  expect_error<CheckpointError>([] { sample(sampling(1)); }, name + ": damaged");
  refused<CheckpointError>(scoring_bits(), name + ": damaged");
  const fs::path older = "runs/tiny/checkpoints/step-000003";
  const auto steps = read_file(older / "config.yaml").find("steps: 3");
  ASSERT_NE(steps, std::string::npos);
  flip(older / "config.yaml", steps + 7);
  auto request = sampling(1);
  request.checkpoint = older.string();
  expect_error<CheckpointError>([&] { sample(request); }, "config.yaml: was changed");
}

TEST_F(DamagedRun, NothingIsWrittenThroughALinkOutOfIt) {
  fs::create_directories("elsewhere");
  for (const std::string part : {"samples", "eval"}) {
    fs::remove_all("runs/tiny/" + part);
    fs::create_symlink(fs::absolute("elsewhere"), "runs/tiny/" + part);
  }
  expect_error<DiskError>([] { sample(sampling(1)); }, "samples: is a link");
  refused<DiskError>(scoring_bits(), "eval: is a link");
  EXPECT_TRUE(fs::is_empty("elsewhere"));
}

TEST_F(DamagedRun, ALinkThatACrashLeftBehindIsMended) {
  const fs::path link = "runs/tiny/checkpoints/last";
  fs::remove(link);
  train(resuming());
  EXPECT_EQ(fs::read_symlink(link), "step-000006");
}

class OldCheckpoint : public TrainedTest {
 protected:
  OldCheckpoint() {
    fs::remove_all("runs");
    fs::create_directories("runs/tiny/checkpoints");
    copy_folder(test_data("checkpoint-v1"), "runs/tiny/checkpoints/step-000003");
  }
};

TEST_F(OldCheckpoint, OfTheFirstReleaseLoadsForEver) {
  const auto images = drawn(sampling(2));
  EXPECT_EQ(images.size(0), 2);
  EXPECT_TRUE(torch::isfinite(images).all().item<bool>());
  EXPECT_EQ(train(resuming()).step, 6);
}

}  // namespace
}  // namespace ddpm
