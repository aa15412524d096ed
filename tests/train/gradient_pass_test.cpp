#include "ddpm/train/gradient_pass.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/train/objective_table.h"
#include "ddpm/train/plan.h"
#include "ddpm/train/training_step.h"
#include "tests/support/fake_graph.h"
#include "tests/support/training.h"

namespace ddpm {
namespace {

/// What some steps leave behind.
struct Outcome {
  TrainingTensors tensors;
  std::vector<torch::Tensor> losses;
};

Outcome take_steps(const Config& settings, const GraphFactory& graphs) {
  constexpr int64_t kSteps = 7;
  const NoiseData dataset(30);
  const auto config = complete_config(settings, dataset);
  auto model = make_training_model(config, torch::kCPU);
  TrainingStep step(config, dataset, model, torch::kCPU, {.graphs = graphs});
  Outcome outcome;
  for (int64_t i = 0; i < kSteps; ++i)
    outcome.losses.push_back(step.run(i, 1e-3).loss);  // kept: a later step must not change it
  for (auto& [name, tensor] : outcome.tensors.weights = model.tensors().weights)
    tensor = tensor.clone();
  for (auto& [name, tensor] : outcome.tensors.exp_avg = model.tensors().exp_avg)
    tensor = tensor.clone();
  return outcome;
}

void expect_same_outcome(const Outcome& a, const Outcome& b) {
  for (const auto& [name, tensor] : a.tensors.weights)
    EXPECT_TRUE(torch::equal(tensor, b.tensors.weights.at(name))) << name;
  for (const auto& [name, tensor] : a.tensors.exp_avg)
    EXPECT_TRUE(torch::equal(tensor, b.tensors.exp_avg.at(name))) << name;
  for (size_t i = 0; i < a.losses.size(); ++i)
    EXPECT_EQ(a.losses[i].item<float>(), b.losses[i].item<float>()) << i;
}

struct PassCase {
  int64_t parts;
  Precision precision;
  bool conditional;
};

class GradientPassCases : public testing::TestWithParam<PassCase> {
 protected:
  /// With dropout, so that a mask drawn at another time would show.
  static Config config() {
    auto config = tiny_config();
    config.train.gradient_accumulation_steps = GetParam().parts;
    config.train.precision = GetParam().precision;
    config.model.class_conditional = GetParam().conditional;
    if (!GetParam().conditional) config.train.label_dropout = 0;
    return config;
  }
};

TEST_P(GradientPassCases, GraphsGiveTheBitsOfPlainWork) {
  GraphCalls calls;
  const auto graphed = take_steps(config(), fake_graphs(calls));
  expect_same_outcome(graphed, take_steps(config(), {}));
  const bool others = GetParam().parts > 1;
  EXPECT_EQ(calls.records, others ? 2 : 1);
  // Seven steps: four of the first parts' runs are replays, and all but three of the others'.
  EXPECT_EQ(calls.replays, others ? 4 + 7 * (GetParam().parts - 1) - 3 : 4);
}

TEST_P(GradientPassCases, WorkThatCannotBeRecordedGoesOnAsItIs) {
  GraphCalls calls;
  const auto failed = take_steps(config(), fake_graphs(calls, /*fails=*/true));
  expect_same_outcome(failed, take_steps(config(), {}));
  EXPECT_EQ(calls.replays, 0);
}

INSTANTIATE_TEST_SUITE_P(Settings, GradientPassCases,
                         testing::Values(PassCase{1, Precision::kFloat32, true},
                                         PassCase{1, Precision::kFloat32, false},
                                         PassCase{2, Precision::kBFloat16, true},
                                         PassCase{4, Precision::kFloat32, true}));

TEST(GradientPass, HalfABackwardPassDoesNotCountInTheNextOne) {
  const NoiseData dataset(30);
  const auto config = complete_config(tiny_config(), dataset);
  auto model = make_training_model(config, torch::kCPU);
  GraphCalls calls;
  const auto objective = make_objective(config, torch::kCPU);
  GradientPass pass(*objective, model, 2, fake_graphs(calls));
  const auto images = torch::zeros({4, 1, 8, 8});
  StepInputs inputs{{"x_t", images},
                    {"timesteps", torch::zeros({4}, torch::kInt64)},
                    {"labels", torch::zeros({4}, torch::kInt64)},
                    {"target", images + 1}};
  pass.run(inputs, true);
  for (auto& parameter : model.net()->parameters())
    parameter.mutable_grad() = torch::ones_like(parameter);
  inputs.at("labels").fill_(1000);  // no such class: the forward pass fails
  EXPECT_THROW(pass.run(inputs, true), std::exception);
  for (const auto& parameter : model.net()->parameters())
    EXPECT_FALSE(parameter.grad().defined());
}

TEST(TrainingStep, CheckpointedGradientsAreNotRecorded) {
  auto config = tiny_config();
  config.train.gradient_checkpointing = GradientCheckpointing::kBlocks;
  GraphCalls calls;
  take_steps(config, fake_graphs(calls));
  EXPECT_EQ(calls.made, 0);
}

}  // namespace
}  // namespace ddpm
