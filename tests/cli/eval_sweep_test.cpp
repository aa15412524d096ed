#include <algorithm>
#include <filesystem>

#include "ddpm/util/files.h"
#include "tests/cli/eval_fixture.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

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

TEST_F(EvalCommand, ASweepDoesNotGoOnFromWhatIsNone) {
  for (const std::string text :
       {"{", "[]", R"({"cells": [1]})", R"({"cells": {"a": {"result": 3}}})",
        R"({"cells": {}, "cells": {}})"}) {
    dir_.write("a.json", text);
    const auto result =
        eval({"--fid", "-n", "8", "--no-bounds", "--sweep", "steps=2", "--out", "a"});
    expect_last_error(result, 3, "give another name with --out");
    EXPECT_EQ(read_file(dir_.path() / "a.json"), text);
  }
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

TEST_F(EvalCommand, ASweepOverSeedsGivesEachItsOwnSubsets) {
  const auto swept = eval({"--kid", "-n", "8", "--kid-subset-size", "4", "--kid-subsets", "3",
                           "--sweep", "seed=0,1", "--out", "a.json"});
  EXPECT_EQ(swept.exit_code, 0) << swept.err;
  const auto alone = eval_json(
      {"--kid", "-n", "8", "--kid-subset-size", "4", "--kid-subsets", "3", "--seed", "1"});
  const auto results = json::parse(read_file(dir_.path() / "a.json"));
  int cells = 0;
  for (const auto& [key, cell] : results.at("cells").items()) {
    if (cell.at("settings").at("seed") != "1") continue;
    EXPECT_EQ(cell.at("result").at("kid").at("value"), alone.at("kid").at("value"));
    ++cells;
  }
  EXPECT_EQ(cells, 1);
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

}  // namespace
}  // namespace ddpm
