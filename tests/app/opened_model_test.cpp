#include "ddpm/app/opened_model.h"

#include <gtest/gtest.h>

#include "ddpm/app/eval_plan.h"
#include "ddpm/app/eval_sweep.h"
#include "tests/app/app_fixture.h"

namespace ddpm {
namespace {

class OpenedModelTest : public AppTest {
 protected:
  OpenedModelTest() { train(training()); }
};

TEST_F(OpenedModelTest, ASweepOpensAndHashesEachModelOnce) {
  EvalRequest request;
  request.metrics = {Metric::kFrechet};
  request.count = 4;
  request.sweep = {parse_sweep("steps=1,2,3"), parse_sweep("guidance=1,2"),
                   parse_sweep("checkpoint=runs/tiny/checkpoints/step-000003,runs/tiny")};
  ModelCache models;
  for (const auto& cell : sweep_cells(request.sweep))
    plan_evaluation(with(request, cell), models);
  EXPECT_EQ(sweep_cells(request.sweep).size(), 12U);
  EXPECT_EQ(models.opened(), 2);
}

TEST_F(OpenedModelTest, AnotherSamplerTakesBackWhatBelongsToTheCheckpointsOwn) {
  auto model = open_model("runs/tiny/checkpoints/step-000006");
  model.pipeline.sample.sampler = SamplerType::kDpmpp3m;
  model.pipeline.sample.order = 3;
  SettingOverrides overrides;
  EXPECT_EQ(resolve_sampling(model, overrides).order, 3);
  overrides.put("sample.sampler", "unipc");
  EXPECT_EQ(resolve_sampling(model, overrides).order, 0);
}

TEST_F(OpenedModelTest, KnowsItsRunAndItsData) {
  const auto model = open_model("runs/tiny/checkpoints/step-000006");
  EXPECT_EQ(model.run.filename(), "tiny");
  ASSERT_TRUE(model.data.has_value());
  EXPECT_EQ(model.data->root, "images");
  EXPECT_EQ(model.pipeline.sample.steps, 3);
}

}  // namespace
}  // namespace ddpm
