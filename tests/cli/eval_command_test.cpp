#include "ddpm/util/files.h"
#include "tests/cli/eval_fixture.h"

namespace ddpm {
namespace {

using nlohmann::json;

TEST_F(EvalCommand, PrintsATableAndTellsTheRestOnStderr) {
  const auto first = ddpm({"eval", "--fid", "-n", "8"});
  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_NE(first.err.find("training a classifier"), std::string::npos) << first.err;
  EXPECT_NE(first.err.find("convert_inception.py"), std::string::npos) << first.err;
  EXPECT_TRUE(first.out.starts_with("FD (classifier, 3-d, ")) << first.out;
  EXPECT_NE(first.out.find("\nof    8 images of runs/tiny/checkpoints/step-000006 (weights EMA), "
                           "ddim 3 steps, guidance 1.0, seed 0\nto    images train, 6 images\n"),
            std::string::npos)
      << first.out;
  EXPECT_EQ(first.out.find("FID"), std::string::npos);
}

TEST_F(EvalCommand, JsonIsWhatTheResultFileHolds) {
  const auto result = eval({"--fid", "-n", "8", "--steps", "2", "--guidance", "2", "--json"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const auto object = json::parse(result.out);
  EXPECT_GE(object.at("fd").at("value"), 0.0);
  EXPECT_EQ(object.at("images").at("n"), 8);
  const auto file = read_file(dir_.path() / "runs/tiny/eval/step-000006-ddim2-g2-n8-seed0.json");
  EXPECT_EQ(json::parse(file), object);
}

TEST_F(EvalCommand, ASweepPrintsItsTable) {
  const auto result = eval({"--fid", "-n", "8", "--no-bounds", "--sweep", "steps=2,3", "--sweep",
                            "sampler=ddim,unipc", "--out", "a"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(result.out.starts_with("steps,sampler,fd\n2,ddim,")) << result.out;
  EXPECT_EQ(read_file(dir_.path() / "a.csv"), result.out);
}

TEST_F(EvalCommand, WrongWordsAreUsageErrors) {
  expect_error(eval({}), 2, "no metric is asked for: give --fid");
  expect_error(eval({"--bpd", "--bpd-method", "exact"}), 2, "--bpd-method exact: expected auto");
  expect_error(eval({"--fid", "--sweep", "stepz=1,2"}), 2, "did you mean 'steps'");
  expect_error(eval({"--kid", "-n", "8", "--kid-subset-size", "1"}), 2, "--kid-subset-size");
}

TEST_F(EvalCommand, DataAndCheckpointsHaveTheirOwnExitCodes) {
  expect_error(eval({"--fid", "--reference", "none.npz"}), 3, "--reference none.npz");
  expect_error(eval({"--fid", "--checkpoint", "none"}), 4, "none");
}

}  // namespace
}  // namespace ddpm
