#include "tests/cli/command_fixture.h"

namespace ddpm {
namespace {

using Main = CommandTest;

TEST_F(Main, HelpAndVersionGoToStdout) {
  for (const auto& words : std::vector<std::vector<std::string>>{{"--help"},
                                                                 {"--version"},
                                                                 {"train", "--help"},
                                                                 {"sample", "--help"},
                                                                 {"schedule", "--help"},
                                                                 {"convert", "--help"},
                                                                 {"eval", "--help"}}) {
    const auto result = ddpm(words);
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_NE(result.out.find("ddpm"), std::string::npos);
    EXPECT_EQ(result.err, "");
  }
}

TEST_F(Main, TrainHelpListsEverySettingWithItsDefault) {
  const auto help = ddpm({"train", "--help"}).out;
  EXPECT_NE(help.find("--train.batch_size"), std::string::npos);
  EXPECT_NE(help.find("--model.norm_num_groups"), std::string::npos);
  EXPECT_NE(help.find("--train.batch_size=128"), std::string::npos);
}

TEST_F(Main, UnknownCommandsAndFlagsAreUsageErrors) {
  expect_error(ddpm({}), 2, "expected a command: train or sample");
  expect_error(ddpm({"trian"}), 2, "did you mean 'train'?");
  expect_error(ddpm({"--verison"}), 2, "did you mean '--version'?");
  expect_error(train({"--trian.steps", "3"}), 2, "did you mean '--train.steps'?");
  expect_error(ddpm({"sample", "--stepps", "3"}), 2, "did you mean '--steps'?");
  expect_error(train({"--batch-size", "3"}), 2, "did you mean '--train.batch_size'?");
  expect_error(train({"now"}), 2, "'now'");
  expect_error(ddpm({"sample", "-n", "many"}), 2, "many");
}

TEST_F(Main, NumbersAreDecimalWithoutZerosBeforeThem) {
  const std::vector<std::vector<std::string>> refused = {
      {"sample", "-n", "012"},
      {"sample", "--seed", "010"},
      {"sample", "--seed", "99999999999999999999"},
      {"sample", "-n", "+5"},
      {"sample", "--batch-size", "0x10"},
      {"sample", "--threads", "1e1"},
      {"sample", "--interpolate", "3,010"},
      {"eval", "--fid", "-k", "03"},
      {"eval", "--bpd-draws", "1.0"},
      {"train", "--profile", "08"},
      {"schedule", "--image-size", "+9"}};
  for (const auto& words : refused)
    expect_error(ddpm(words), 2,
                 words[words.size() - 2].starts_with("-n")   ? "--num-images"
                 : words[words.size() - 2].starts_with("-k") ? "--nearest"
                                                             : words[words.size() - 2]);
}

TEST_F(Main, WordsWithoutAFlagAreExplained) {
  expect_error(ddpm({"eval", "--fid", "a", "b"}), 2, "say --images a --reference b");
  expect_error(ddpm({"train", "images"}), 2, "say --config folder --data.root images");
  expect_error(ddpm({"train", "--learning-rate", "1"}), 2, "did you mean '--train.lr'?");
  expect_error(ddpm({"sample", "--cfg-scale", "1"}), 2, "did you mean '--guidance'?");
}

}  // namespace
}  // namespace ddpm
