#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "ddpm/data/npy.h"
#include "ddpm/data/zip.h"
#include "ddpm/util/files.h"
#include "tests/cli/command_fixture.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// A folder in which a model and a classifier were trained, with a cache of its own.
class EvalCommand : public CommandTest {
 protected:
  EvalCommand() {
    ::setenv("XDG_CACHE_HOME", (dir_.path() / "cache").c_str(), 1);
    ::unsetenv("DDPM_INCEPTION");
    dir_.write("configs/fashion-mnist-features.yaml", kRecipe);
    EXPECT_EQ(train({"-q"}).exit_code, 0);
  }
  ~EvalCommand() override { ::unsetenv("XDG_CACHE_HOME"); }

  CommandResult eval(const std::vector<std::string>& more) const {
    std::vector<std::string> words{"eval", "-q", "--batch-size", "8"};
    words.insert(words.end(), more.begin(), more.end());
    return ddpm(words);
  }

  json eval_json(std::vector<std::string> words) const {
    words.emplace_back("--json");
    const auto result = eval(words);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json::parse(result.out);
  }

  static std::vector<std::string> evaluation_without_end() {
    return {"eval", "--fid", "-n", "100000", "--batch-size", "1", "--steps", "1", "--no-bounds"};
  }
  static bool has_scored_some(const BackgroundCommand& command) {
    return command.err().find("/100000 images") != std::string::npos;
  }

  /// An error of one line, which a line on the features may precede.
  static void expect_last_error(const CommandResult& result, int code, const std::string& text) {
    EXPECT_EQ(result.exit_code, code) << result.err;
    const auto line = result.err.find("ddpm: ");
    ASSERT_NE(line, std::string::npos) << result.err;
    EXPECT_NE(result.err.find(text, line), std::string::npos) << result.err;
    EXPECT_EQ(result.err.find('\n', line), result.err.size() - 1) << result.err;
    EXPECT_EQ(result.out, "");
  }

  static constexpr const char* kRecipe = R"(
data: {name: folder, root: elsewhere}
model:
  block_out_channels: [8, 8]
  layers_per_block: 1
  down_block_types: [DownBlock2D, DownBlock2D]
  up_block_types: [UpBlock2D, UpBlock2D]
  norm_num_groups: 4
classifier: {feature_dim: 3}
train:
  {task: classifier, steps: 4, warmup_steps: 0, batch_size: 4, precision: float32, log_every: 2,
   save_every: 0}
)";
};

TEST_F(EvalCommand, FidWithoutInceptionIsAnFdThatSaysWhy) {
  const auto first = ddpm({"eval", "--fid", "-n", "8"});
  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_NE(first.err.find("training a classifier"), std::string::npos) << first.err;
  EXPECT_NE(first.err.find("convert_inception.py"), std::string::npos) << first.err;
  EXPECT_TRUE(first.out.starts_with("FD (classifier, 3-d, ")) << first.out;
  EXPECT_EQ(first.out.find("FID"), std::string::npos);
  const auto second = ddpm({"eval", "--fid", "-n", "8"});
  EXPECT_EQ(second.out, first.out);
  EXPECT_EQ(second.err.find("training a classifier"), std::string::npos) << second.err;
}

TEST_F(EvalCommand, JsonNamesEverythingANumberDependsOn) {
  const auto result = eval_json({"--fid", "-n", "8", "--steps", "2", "--guidance", "2"});
  EXPECT_GE(result.at("fd").at("value"), 0.0);
  EXPECT_GT(result.at("fd").at("ceiling"), 0.0);
  EXPECT_FALSE(result.contains("fid"));
  const auto& images = result.at("images");
  EXPECT_EQ(images.at("n"), 8);
  EXPECT_EQ(images.at("steps"), 2);
  EXPECT_EQ(images.at("guidance"), 2.0);
  EXPECT_EQ(images.at("sampler"), "ddim");
  EXPECT_EQ(images.at("weights"), "EMA");
  EXPECT_EQ(images.at("settings").at("eta"), 0.0);
  EXPECT_EQ(images.at("settings").at("clip_sample"), true);
  EXPECT_EQ(images.at("settings").at("guidance_schedule"), "constant");
  EXPECT_EQ(result.at("reference").at("n"), 6);
  EXPECT_EQ(result.at("features").at("dimensions"), 3);
  EXPECT_EQ(result.at("features").at("hash").get<std::string>().size(), 16U);
  const auto file = read_file(dir_.path() / "runs/tiny/eval/step-000006-ddim2-g2-n8-seed0.json");
  EXPECT_EQ(json::parse(file), result);
}

TEST_F(EvalCommand, AllMetricsComeWithoutMoreFlags) {
  const auto result = eval_json({"--all", "-n", "32", "-k", "2", "--bpd-images", "4"});
  for (const char* name :
       {"fd", "fd_infinity", "kid", "is", "precision", "recall", "density", "coverage",
        "class_agreement", "per_class_fd", "diversity", "near_copies", "bpd"})
    EXPECT_TRUE(result.contains(name) && result.at(name).contains("value")) << name;
  EXPECT_GT(result.at("bpd").at("decoder").at("value"), 0.0);
  EXPECT_TRUE(exists("runs/tiny/eval/step-000006-ddim3-n32-seed0-neighbours.png"));
}

TEST_F(EvalCommand, SavedImagesAndStatisticsGiveTheSameNumber) {
  const auto drawn =
      eval_json({"--fid", "-n", "8", "--save-images", "x.npz", "--save-stats", "s.npz"});
  const double value = drawn.at("fd").at("value");
  const auto stored = eval_json(
      {"--fid", "--checkpoint", "runs/tiny", "--images", "x.npz", "--reference", "s.npz"});
  EXPECT_NEAR(stored.at("fd").at("value").get<double>(), value, 1e-6 * value);
  const auto folder = eval_json(
      {"--fid", "--checkpoint", "runs/tiny", "--images", "x.npz", "--reference", "images"});
  EXPECT_NEAR(folder.at("fd").at("value").get<double>(), value, 1e-6 * value);
  const auto own = eval_json({"--fid", "--images", "train"});
  EXPECT_NEAR(own.at("fd").at("value").get<double>(), 0.0, 1e-6);
}

TEST_F(EvalCommand, ClassAgreementNeedsNoReference) {
  eval_json({"--fid", "-n", "16", "--save-images", "x.npz"});
  ASSERT_EQ(train({"-q", "--train.task", "classifier", "--run", "runs/judge"}).exit_code, 0);
  fs::rename(dir_.path() / "images", dir_.path() / "moved");
  const auto result = eval_json(
      {"--class-agreement", "--is", "--images", "x.npz", "--features", "classifier:runs/judge"});
  EXPECT_FALSE(result.contains("reference"));
  EXPECT_EQ(result.at("images").at("n"), 16);
  EXPECT_GE(result.at("class_agreement").at("value"), 0.0);
  expect_error(eval({"--is", "--images", "x.npz", "--save-stats", "s.npz"}), 2, "--fid");
}

TEST_F(EvalCommand, BoundsAreOfAsManyImagesAsAreScored) {
  eval_json({"--fid", "-n", "4", "--save-images", "x.npz"});
  const std::vector<std::string> words{"--fid",    "--checkpoint", "runs/tiny",
                                       "--images", "x.npz",        "--json"};
  auto with_count = words;
  with_count.insert(with_count.end(), {"-n", "4"});
  EXPECT_EQ(eval(words).out, eval(with_count).out);
}

TEST_F(EvalCommand, ResultsAreNeverOverwritten) {
  eval_json({"--fid", "-n", "8"});
  eval_json({"--fid", "-n", "8"});
  EXPECT_TRUE(exists("runs/tiny/eval/step-000006-ddim3-n8-seed0-2.json"));
  dir_.write("mine.json", "mine");
  expect_error(eval({"--fid", "--out", "mine.json"}), 2, "exists already");
  dir_.write("mine.npz", "mine");
  expect_error(eval({"--fid", "--save-stats", "mine.npz"}), 2, "exists already");
}

TEST_F(EvalCommand, ASweepIsATableAndAPlotThatGoOn) {
  const std::vector<std::string> words{"--fid",   "-n",        "8",       "--no-bounds",
                                       "--sweep", "steps=2,3", "--sweep", "sampler=ddim,unipc"};
  const auto first = eval(words);
  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_TRUE(first.out.starts_with("steps,sampler,fd\n2,ddim,")) << first.out;
  EXPECT_EQ(std::ranges::count(first.out, '\n'), 5);
  fs::path base;
  for (const auto& entry : fs::directory_iterator(dir_.path() / "runs/tiny/eval"))
    if (entry.path().extension() == ".json") base = entry.path();
  auto content = json::parse(read_file(base));
  EXPECT_EQ(content.at("cells").size(), 4U);
  EXPECT_TRUE(read_file(fs::path(base).replace_extension(".svg")).find("unipc") !=
              std::string::npos);
  EXPECT_EQ(read_file(fs::path(base).replace_extension(".csv")), first.out);
  // As if it had been stopped before the last cell, and the others were other numbers.
  for (auto& [key, cell] : content["cells"].items())
    cell["result"]["fd"]["value"] = 7.5;
  content["cells"].erase(content["cells"].begin());
  write_file_atomic(base, content.dump());
  const auto second = eval(words).out;
  size_t kept = 0;
  for (auto at = second.find(",7.5\n"); at != second.npos; at = second.find(",7.5\n", at + 1))
    ++kept;
  EXPECT_EQ(kept, 3U) << second;
}

TEST_F(EvalCommand, ASweepOverCheckpointsComparesEachWithItsOwnData) {
  for (int i = 0; i < 6; ++i)
    write_image("plain/" + std::to_string(i) + ".png", static_cast<uint8_t>(50 * i));
  ASSERT_EQ(train({"-q", "--run", "elsewhere/b", "--train.seed", "1"}).exit_code, 0);
  fs::rename(dir_.path() / "runs", dir_.path() / "moved");  // there is no newest run
  const auto swept = [&](const std::string& checkpoints, const std::string& out) {
    const auto result = eval({"--fid", "--class-agreement", "-n", "8", "--no-bounds", "--out", out,
                              "--sweep", "checkpoint=" + checkpoints});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json::parse(read_file(dir_.path() / out)).at("cells");
  };
  const auto forth = swept("moved/tiny,elsewhere/b", "a.json");
  const auto back = swept("elsewhere/b,moved/tiny", "b.json");
  EXPECT_EQ(forth, back);
  EXPECT_EQ(forth.size(), 2U);
  // The same model, compared with other images, is another cell.
  const auto more = eval({"--fid", "--class-agreement", "-n", "8", "--no-bounds", "--out", "a.json",
                          "--reference", "plain", "--sweep", "checkpoint=moved/tiny"});
  EXPECT_EQ(more.exit_code, 0) << more.err;
  EXPECT_EQ(json::parse(read_file(dir_.path() / "a.json")).at("cells").size(), 3U);
}

TEST_F(EvalCommand, ASweepReplacesNoFilesOfOthersAndWritesStatisticsOnce) {
  const std::vector<std::string> words{"--fid",   "-n",        "8",     "--no-bounds",
                                       "--sweep", "steps=2,3", "--out", "notes.json"};
  dir_.write("notes.csv", "mine");
  expect_error(eval(words), 2, "notes.csv: exists already");
  fs::remove(dir_.path() / "notes.csv");
  auto with_statistics = words;
  with_statistics.insert(with_statistics.end(), {"--neighbours", "--save-stats", "s.npz"});
  const auto result = eval(with_statistics);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(exists("s.npz"));
  int pictures = 0;
  for (const auto& entry : fs::directory_iterator(dir_.path()))
    if (entry.path().string().ends_with("-neighbours.png")) ++pictures;
  EXPECT_EQ(pictures, 2);
  dir_.write("notes.json", R"({"cells": {"0123": {}}})");
  expect_last_error(eval(words), 3, "is no file of a sweep");
}

TEST_F(EvalCommand, WrongWordsAreUsageErrors) {
  expect_error(eval({}), 2, "no metric");
  expect_error(eval({"--fid", "--features", "vgg:x"}), 2, "inception:FILE");
  expect_error(eval({"--fid", "--resize", "clean"}), 2, "tf1");
  expect_error(eval({"--fid", "--sweep", "stepz=1,2"}), 2, "did you mean 'steps'");
  expect_error(eval({"--fid", "--sweep", "steps=2,60"}), 2, "50");
  expect_error(eval({"--fid", "--sweep", "steps=2", "--sweep", "steps=3"}), 2, "twice");
  expect_error(eval({"--fid", "--sweep", "steps"}), 2, "NAME=A,B");
  expect_error(eval({"--fid", "--class", "horse"}), 2, "cat, dog");
  expect_error(eval({"--bpd", "--bpd-method", "exact"}), 2, "bound");
  expect_error(eval({"--fid", "--images", "images", "--save-images", "y.npz"}), 2, "--images");
  EXPECT_FALSE(exists("runs/tiny/eval"));
}

TEST_F(EvalCommand, MissingAndBrokenFilesAreNamed) {
  expect_error(eval({"--fid", "--images", "none"}), 3, "none");
  expect_error(eval({"--fid", "--reference", "none.npz"}), 3, "none.npz");
  expect_error(eval({"--fid", "--checkpoint", "none"}), 4, "none");
  expect_error(eval({"--fid", "--features", "inception:none.safetensors"}), 4, "none.safetensors");
  expect_error(eval({"--fid", "--features", "classifier:runs/tiny"}), 4, "denoising");
  const auto numbers = [](const std::string& dtype, const std::vector<int64_t>& shape,
                          size_t bytes) {
    return NpyArray{.dtype = dtype, .shape = shape, .bytes = std::string(bytes, '\1')};
  };
  const auto write = [&](const std::string& name, const std::map<std::string, NpyArray>& arrays) {
    return dir_.write(name, format_npz(arrays, false));
  };
  write("keys.npz", {{"other", numbers("u1", {2}, 2)}});
  write("shape.npz", {{"mu", numbers("f8", {3}, 24)}, {"sigma", numbers("f8", {2, 2}, 32)}});
  write("float.npz", {{"arr_0", numbers("f4", {2, 8, 8, 1}, 512)}});
  write("dims.npz",
        {{"mu", NpyArray{.dtype = "f8", .shape = {2}, .bytes = std::string(16, '\0')}},
         {"sigma", NpyArray{.dtype = "f8", .shape = {2, 2}, .bytes = std::string(32, '\0')}}});
  const auto whole = read_file(write("whole.npz", {{"arr_0", numbers("u1", {2, 8, 8, 1}, 128)}}));
  dir_.write("cut.npz", whole.substr(0, whole.size() / 2));
  for (const char* name : {"keys.npz", "shape.npz", "float.npz", "dims.npz", "cut.npz"})
    expect_last_error(eval({"--fid", "-n", "8", "--reference", name}), 3, name);
  for (const char* name : {"keys.npz", "float.npz", "cut.npz"})
    expect_last_error(eval({"--fid", "--images", name}), 3, name);
}

TEST_F(EvalCommand, ObjectArraysAreRefused) {
  for (const char* key : {"mu", "arr_0"}) {
    auto array = format_npy({.dtype = "f8", .shape = {2}, .bytes = std::string(16, '\0')});
    array.replace(array.find("'<f8'"), 5, "'|O' ");
    ZipWriter zip;
    zip.add(std::string(key) + ".npy", array, false);
    zip.add("sigma.npy", format_npy({.dtype = "f8", .shape = {1}, .bytes = std::string(8, '\0')}),
            false);
    dir_.write("object.npz", zip.finish());
    expect_error(eval({"--fid", "-n", "8", "--reference", "object.npz"}), 3, "got type '|O'");
    expect_error(eval({"--fid", "--images", "object.npz"}), 3, "object.npz");
  }
}

/// All are told before the classifier is trained, let alone images drawn.
TEST_F(EvalCommand, WhatCannotBeHadIsOneClearLineBeforeAnythingIsDone) {
  expect_error(eval({"--pr", "-n", "8", "-k", "6"}), 3, "at least 7 images, got 6");
  expect_error(eval({"--pr", "-n", "3"}), 3, "at least 4 images, got 3");
  expect_error(eval({"--is", "-n", "4"}), 3, "at least 10 images, got 4");
  expect_error(eval({"--fid-infinity", "-n", "20"}), 3, "at least 29 images, got 20");
  expect_error(eval({"--kid", "-n", "8", "--kid-subset-size", "1"}), 2, "--kid-subset-size");
  expect_error(eval({"--diversity", "-n", "3"}), 3, "class 1: expected at least 2 images, got 1");
  write_image("flat/0.png", 10);
  write_image("flat/1.png", 20);
  expect_error(eval({"--per-class", "-n", "8", "--reference", "flat"}), 3,
               "flat: expected images with classes");
  expect_error(eval({"--fid", "-n", "8", "--pr", "--reference", "flat"}), 3,
               "flat: expected at least 4 images");
  EXPECT_FALSE(exists("cache"));
}

TEST_F(EvalCommand, AllLeavesOutWhatCannotBeHad) {
  eval_json({"--fid", "-n", "8", "--save-stats", "s.npz"});
  const auto few = eval_json({"--all", "-n", "8", "--reference", "s.npz", "--bpd-images", "2"});
  EXPECT_TRUE(few.contains("fd") && few.contains("class_agreement") && few.contains("bpd"));
  for (const char* name : {"kid", "precision", "near_copies", "diversity", "fd_infinity", "is"})
    EXPECT_FALSE(few.contains(name)) << name;
  const auto told = ddpm({"eval", "--all", "-n", "8", "--reference", "s.npz", "--bpd-images", "2"});
  EXPECT_NE(told.err.find("left out: s.npz: holds statistics only"), std::string::npos) << told.err;
  eval_json({"--fid", "-n", "8", "--save-images", "x.npz"});
  const auto files = eval_json({"--all", "--images", "x.npz", "-k", "2"});
  EXPECT_TRUE(files.contains("kid") && files.contains("per_class_fd"));
  EXPECT_FALSE(files.contains("bpd"));
}

TEST_F(EvalCommand, BitsBesideGivenImagesAreOfTheModel) {
  eval_json({"--fid", "-n", "8", "--save-images", "x.npz"});
  const auto result = eval_json({"--fid", "--bpd", "--bpd-images", "2", "--images", "x.npz"});
  EXPECT_EQ(result.at("images").at("n"), 8);
  EXPECT_EQ(result.at("bpd").at("n"), 2);
}

TEST_F(EvalCommand, BitsOfEveryProcessAndMethod) {
  const auto bound = eval_json({"--bpd", "--bpd-images", "2"}).at("bpd");
  EXPECT_EQ(bound.at("method"), "bound");
  EXPECT_EQ(bound.at("by_timestep").size(), 10U);
  EXPECT_EQ(bound.at("by_timestep").back().at("to"), 49);
  const auto ode = eval_json({"--bpd", "--bpd-images", "2", "--bpd-method", "ode"}).at("bpd");
  EXPECT_EQ(ode.at("method"), "ode");
  EXPECT_EQ(ode.at("trace"), "exact");  // 64 numbers
  for (const char* process : {"edm", "flow"}) {
    const auto run = std::string("runs/") + process;
    ASSERT_EQ(train({"-q", "--run", run, "--diffusion.process", process}).exit_code, 0);
    const std::vector<std::string> words{"--bpd", "--bpd-images", "2", "--checkpoint", run};
    EXPECT_EQ(eval_json(words).at("bpd").at("method"), "ode");
    auto with_bound = words;
    with_bound.insert(with_bound.end(), {"--fid", "--bpd-method", "bound"});
    expect_error(eval(with_bound), 2, "--bpd-method bound");
  }
}

TEST_F(EvalCommand, ClassesOfAFolderGoByName) {
  // Of the run's classes cat and dog the second, which would be number 0 here.
  for (int i = 0; i < 4; ++i)
    write_image("mine/dog/" + std::to_string(i) + ".png", static_cast<uint8_t>(40 * i));
  eval_json({"--fid", "-n", "8"});
  const std::vector<std::string> words{"--per-class", "--checkpoint", "runs/tiny"};
  auto named = words;
  named.insert(named.end(), {"--images", "mine"});
  const auto classes = eval_json(named).at("per_class_fd").at("classes");
  EXPECT_EQ(classes.size(), 1U);
  EXPECT_TRUE(classes.contains("dog")) << classes;
  fs::create_directories(dir_.path() / "other");
  fs::rename(dir_.path() / "mine/dog", dir_.path() / "other/horse");
  auto strange = words;
  strange.insert(strange.end(), {"--images", "other"});
  expect_error(eval(strange), 3, "the class 'horse'");
  EXPECT_EQ(eval({"--fid", "--checkpoint", "runs/tiny", "--images", "other"}).exit_code, 0);
}

TEST_F(EvalCommand, StatisticsOfAnotherNetworkAreRefused) {
  eval_json({"--fid", "-n", "8", "--save-stats", "s.npz"});
  ASSERT_EQ(train({"-q", "--train.task", "classifier", "--classifier.feature_dim", "3", "--run",
                   "runs/judge"})
                .exit_code,
            0);
  expect_last_error(eval({"--fid", "-n", "8", "--reference", "s.npz", "--features",
                          "classifier:runs/judge", "--checkpoint", "runs/tiny"}),
                    3, "s.npz: has statistics of 3 dimensions by classifier");
}

TEST_F(EvalCommand, AFileOfStatisticsAndImagesGivesBoth) {
  eval_json({"--fid", "-n", "8", "--save-stats", "s.npz"});
  ZipWriter zip;
  for (const auto& [name, array] : load_npz(dir_.path() / "s.npz"))
    zip.add(name + ".npy", format_npy(array), true);
  NpyArray images{.dtype = "u1", .shape = {5, 8, 8, 1}, .bytes = std::string(320, '\0')};
  for (size_t i = 0; i < images.bytes.size(); ++i)
    images.bytes[i] = static_cast<char>(37 * i);
  zip.add("arr_0.npy", format_npy(images), true);
  dir_.write("both.npz", zip.finish());
  const auto both = eval_json({"--fid", "--kid", "-n", "8", "--reference", "both.npz"});
  const auto statistics = eval_json({"--fid", "-n", "8", "--reference", "s.npz"});
  EXPECT_EQ(both.at("fd").at("value"), statistics.at("fd").at("value"));
  EXPECT_EQ(both.at("kid").at("subset_size"), 5);
}

TEST_F(EvalCommand, DataWithoutClassesNeedsWeights) {
  for (int i = 0; i < 4; ++i)
    write_image("plain/" + std::to_string(i) + ".png", static_cast<uint8_t>(50 * i));
  ASSERT_EQ(train({"-q", "--data.root", "plain", "--model.class_conditional", "false", "--run",
                   "runs/plain"})
                .exit_code,
            0);
  expect_error(eval({"--fid", "-n", "8", "--checkpoint", "runs/plain"}), 2, "convert_inception");
  EXPECT_EQ(eval({"--bpd", "--bpd-images", "2", "--checkpoint", "runs/plain"}).exit_code, 0);
}

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
  BackgroundCommand command({"eval", "--fid", "-n", "8", "--bpd", "--bpd-method", "ode"},
                            dir_.path());
  ASSERT_TRUE(command.wait_until(
      [&] { return command.err().find("bits per dimension:") != std::string::npos; }));
  command.send(SIGINT);
  const auto result = command.wait();
  EXPECT_EQ(result.exit_code, 85) << result.err;
  EXPECT_NE(result.err.find("the same command goes on"), std::string::npos) << result.err;
  const auto rest = ddpm({"eval", "--fid", "-n", "8"});
  EXPECT_NE(rest.err.find("going on after 8 images"), std::string::npos) << rest.err;
  const auto again = ddpm({"eval", "--fid", "-n", "8"});
  EXPECT_EQ(again.err.find("going on after"), std::string::npos) << again.err;
  EXPECT_EQ(again.out, rest.out);
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

TEST_F(EvalCommand, TrainingScoresAndKeepsTheBest) {
  const auto result =
      train({"--run", "runs/scored", "--train.eval_every", "2", "--train.eval_images", "8",
             "--train.save_every", "0", "--train.keep_last", "1"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(exists("runs/scored/checkpoints/best/unet/config.json"));
  const auto lines = read_file(dir_.path() / "runs/scored/metrics.jsonl");
  const auto first = json::parse(lines.substr(0, lines.find('\n')));
  EXPECT_GE(first.at("fd").get<double>(), 0.0);
  EXPECT_TRUE(first.contains("kid"));
  EXPECT_EQ(eval({"--fid", "-n", "8", "--checkpoint", "runs/scored/checkpoints/best"}).exit_code,
            0);
  expect_error(train({"--run", "runs/no", "--train.task", "classifier", "--train.eval_every", "2"}),
               2, "train.eval_every");
}

}  // namespace
}  // namespace ddpm
