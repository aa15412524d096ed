#include <filesystem>

#include "ddpm/data/npy.h"
#include "ddpm/data/zip.h"
#include "ddpm/util/files.h"
#include "tests/cli/eval_fixture.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

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

TEST_F(EvalCommand, ACheckpointDoesNotRaiseTheLimitOfMemory) {
  ASSERT_EQ(train({"-q", "--run", "runs/large", "--data.memory_limit_gb", "1000"}).exit_code, 0);
  const auto limited = ddpm({"eval", "--bpd", "--bpd-images", "2"});
  EXPECT_NE(limited.err.find("--data.memory_limit_gb 1000 allows it"), std::string::npos)
      << limited.err;
  const auto raised =
      ddpm({"eval", "--bpd", "--bpd-images", "2", "--data.memory_limit_gb", "1000"});
  EXPECT_EQ(raised.out, limited.out);
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
  write_image("three/bird/0.png", 1);
  write_image("three/cat/0.png", 2);
  write_image("three/dog/0.png", 3);
  expect_error(eval({"--per-class", "-n", "8", "--reference", "three"}), 3, "the class 'bird'");
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
