#include "ddpm/app/eval_sweep.h"

#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>

#include "ddpm/util/files.h"
#include "tests/app/eval_fixture.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class EvalSweepTest : public EvalTest {
 protected:
  static EvalRequest sweeping(const std::vector<std::string>& axes, const std::string& out = "") {
    auto request = scoring({Metric::kFrechet});
    request.bounds = false;
    request.out = out;
    for (const auto& axis : axes)
      request.sweep.push_back(parse_sweep(axis));
    return request;
  }

  static SweepResults swept(const EvalRequest& request) {
    SweepResults shown;
    run_sweep(request, [&](const SweepResults& results) { shown = results; });
    return shown;
  }

  /// The cells of the results file that a sweep over checkpoints leaves.
  static Json cells_of(const std::string& checkpoints, const std::string& out,
                       const std::string& reference = "train") {
    auto request = sweeping({"checkpoint=" + checkpoints}, out);
    request.metrics.add(Metric::kClassAgreement);
    request.reference = reference;
    swept(request);
    return Json::parse(read_file(out)).at("cells");
  }
};

TEST_F(EvalSweepTest, AWrongAxisIsRefused) {
  const auto expect = [](const std::vector<std::string>& axes, const std::string& text) {
    expect_error<UserError>([&] { swept(sweeping(axes)); }, text);
  };
  expect({"stepz=1,2"}, "did you mean 'steps'");
  expect({"steps"}, "NAME=A,B");
  expect({"steps=2,60"}, "50");
  expect({"steps=2", "steps=3"}, "`sweep` steps: is given twice");
  expect({"seed=0,-1"}, "`sweep` seed: expected whole numbers from 0, got '-1'");
  EXPECT_FALSE(exists("runs/tiny/eval"));
}

TEST_F(EvalSweepTest, LeavesATableAResultsFileAndAPlot) {
  const auto results = swept(sweeping({"steps=2,3", "sampler=ddim,unipc"}, "a"));
  ASSERT_EQ(results.rows.size(), 4U);
  EXPECT_EQ(results.rows[1].cell, (SweepCell{{"steps", "2"}, {"sampler", "unipc"}}));
  const auto table = sweep_csv(results.rows);
  EXPECT_TRUE(table.starts_with("steps,sampler,fd\n2,ddim,")) << table;
  EXPECT_EQ(std::ranges::count(table, '\n'), 5);
  EXPECT_EQ(read_file("a.csv"), table);
  EXPECT_EQ(Json::parse(read_file("a.json")), results.content);
  EXPECT_EQ(results.content.at("cells").size(), 4U);
  EXPECT_NE(read_file("a.svg").find("unipc"), std::string::npos);
}

TEST_F(EvalSweepTest, GoesOnWithTheCellsThatAreMissing) {
  const auto request = sweeping({"steps=2,3", "sampler=ddim,unipc"});
  swept(request);
  fs::path file;
  for (const auto& entry : fs::directory_iterator("runs/tiny/eval"))
    if (entry.path().extension() == ".json") file = entry.path();
  // As if it had been stopped before the last cell, and the others were other numbers.
  auto content = Json::parse(read_file(file));
  for (auto& [key, cell] : content["cells"].items())
    cell["result"]["fd"]["value"] = 7.5;
  content["cells"].erase(content["cells"].begin());
  write_file_atomic(file, content.dump());
  const auto results = swept(request);
  const auto kept = std::ranges::count_if(
      results.rows, [](const SweepRow& row) { return value(row.result, "fd") == 7.5; });
  EXPECT_EQ(kept, 3);
  EXPECT_EQ(results.rows.size(), 4U);
}

TEST_F(EvalSweepTest, DoesNotGoOnFromAFileThatIsNone) {
  for (const std::string text :
       {"{", "[]", R"({"cells": [1]})", R"({"cells": {"a": {"result": 3}}})",
        R"({"cells": {}, "cells": {}})", R"({"cells": {"0123": {}}})"}) {
    dir_.write("a.json", text);
    expect_error<DataError>([] { swept(sweeping({"steps=2"}, "a")); },
                            "give another name with `out`");
    EXPECT_EQ(read_file("a.json"), text);
  }
}

TEST_F(EvalSweepTest, OverCheckpointsComparesEachWithItsOwnData) {
  for (int i = 0; i < 6; ++i)
    write_image("plain/" + std::to_string(i) + ".png", static_cast<uint8_t>(50 * i));
  train(training("elsewhere/b", {{"train.seed", "1"}}));
  fs::rename("runs", "moved");  // there is no newest run
  const auto forth = cells_of("moved/tiny,elsewhere/b", "a.json");
  const auto back = cells_of("elsewhere/b,moved/tiny", "b.json");
  EXPECT_EQ(forth.size(), 2U);
  EXPECT_EQ(back.size(), 2U);
  for (const auto& [key, cell] : forth.items())
    EXPECT_EQ(back.at(key), cell);
  // The same model, compared with other images, is another cell.
  EXPECT_EQ(cells_of("moved/tiny", "a.json", "plain").size(), 3U);
}

TEST_F(EvalSweepTest, OverSeedsGivesEachItsOwnSubsets) {
  auto request = scoring({Metric::kKernel});
  request.kid_subset_size = 4;
  request.kid_subsets = 3;
  request.seed = 1;
  const auto alone = scores(request);
  request.seed = 0;
  request.out = "a.json";
  request.sweep = {parse_sweep("seed=0,1")};
  const auto results = swept(request);
  ASSERT_EQ(results.rows.size(), 2U);
  EXPECT_EQ(results.rows[1].result.at("kid"), alone.at("kid"));
  EXPECT_NE(results.rows[0].result.at("kid"), alone.at("kid"));
}

TEST_F(EvalSweepTest, ReplacesNoFilesOfOthers) {
  dir_.write("notes.csv", "mine");
  expect_error<UserError>([] { swept(sweeping({"steps=2,3"}, "notes.json")); },
                          "notes.csv: exists already");
  EXPECT_EQ(read_file("notes.csv"), "mine");
}

TEST_F(EvalSweepTest, WritesStatisticsOnceAndAPictureACell) {
  auto request = sweeping({"steps=2,3"}, "notes.json");
  request.metrics.add(Metric::kNeighbours);
  request.save_stats = "s.npz";
  swept(request);
  EXPECT_TRUE(exists("s.npz"));
  const auto pictures =
      std::ranges::count_if(fs::directory_iterator("."), [](const fs::directory_entry& entry) {
        return entry.path().string().ends_with("-neighbours.png");
      });
  EXPECT_EQ(pictures, 2);
}

}  // namespace
}  // namespace ddpm
