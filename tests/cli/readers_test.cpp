#include <csignal>

#include "tests/cli/command_fixture.h"
#include "tests/support/checkpoints.h"
#include "tests/support/held_file.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

/// Programs that read a run while it is trained.
class Readers : public CommandTest {
 protected:
  /// A trainer that replaces its only checkpoint after each step.
  BackgroundCommand start_trainer() const {
    return {{"train", "--config", "tiny.yaml", "-q", "--resume", "--train.steps", "1000000",
             "--train.save_every", "1", "--train.keep_last", "1"},
            dir_.path()};
  }
  fs::path checkpoints() const { return dir_.path() / "runs/tiny/checkpoints"; }
};

TEST_F(Readers, AlwaysFindAWholeCheckpoint) {
  auto trainer = start_trainer();
  ASSERT_TRUE(trainer.wait_until([&] { return fs::exists(checkpoints() / "last"); }));
  int number = 0;
  for (const char* checkpoint : {"runs/tiny/checkpoints/last", "runs/tiny", "runs/last"}) {
    for (int i = 0; i < 2; ++i) {
      const auto result = ddpm({"sample", "-q", "-n", "1", "--checkpoint", checkpoint, "--out",
                                std::to_string(number++) + ".png"});
      EXPECT_EQ(result.exit_code, 0) << checkpoint << ": " << result.err;
      EXPECT_EQ(result.err, "");
    }
    const auto scored =
        ddpm({"eval", "-q", "--bpd", "--bpd-images", "2", "--bpd-draws", "2", "--checkpoint",
              checkpoint, "--out", std::to_string(number++) + ".json"});
    EXPECT_EQ(scored.exit_code, 0) << checkpoint << ": " << scored.err;
  }
  trainer.send(SIGTERM);
  EXPECT_EQ(trainer.wait().exit_code, 85);
}

TEST_F(Readers, AreNotDeprivedOfTheCheckpointInTheirHands) {
  ASSERT_EQ(train({"-q"}).exit_code, 0);
  const std::string old = "runs/tiny/checkpoints/step-000003";
  HeldFile weights(dir_.path() / old / "unet/diffusion_pytorch_model.safetensors");
  if (!weights.holds()) GTEST_SKIP() << "no leases on this file system";
  BackgroundCommand reader({"sample", "-q", "-n", "1", "--checkpoint", old, "--out", "a.png"},
                           dir_.path());
  ASSERT_TRUE(reader.wait_until([&] { return weights.is_awaited(); }));
  const auto result = train({"--resume", "-q", "--train.steps", "9", "--train.keep_last", "1"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(exists(old));
  weights.release();
  EXPECT_EQ(whole_checkpoints(checkpoints()), (std::set<int64_t>{3, 9}));
  EXPECT_EQ(reader.wait().exit_code, 0);
  EXPECT_EQ(
      ddpm({"train", "--run", "runs/tiny", "--resume", "--train.steps", "12", "-q"}).exit_code, 0);
  EXPECT_EQ(whole_checkpoints(checkpoints()), (std::set<int64_t>{12}));
}

}  // namespace
}  // namespace ddpm
