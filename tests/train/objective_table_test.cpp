#include "ddpm/train/objective_table.h"

#include <gtest/gtest.h>

#include "ddpm/config/names.h"
#include "ddpm/train/plan.h"
#include "tests/support/batches.h"
#include "tests/support/training.h"

namespace ddpm {
namespace {

TEST(ObjectiveTable, HasARowForEveryTask) {
  for (const auto& task : kNames<Task>)
    EXPECT_EQ(objective_kind(task.value).task, task.value) << task.name;
}

TEST(ObjectiveTable, EveryLossHasTheExtrasThatItsObjectiveNames) {
  for (const auto& task : kNames<Task>) {
    auto config = tiny_config();
    config.train.task = task.value;
    config = complete_config(config, NoiseData(9));
    const auto objective = make_objective(config, torch::kCPU);
    auto model = make_training_model(config, torch::kCPU);
    const auto loss = objective->loss(*model.net(), inputs_of(*objective, batch_of(4), 0));
    EXPECT_EQ(loss.each.sizes(), (std::vector<int64_t>{4})) << task.name;
    EXPECT_EQ(loss.extras.size(), objective->extras().size()) << task.name;
    for (const auto& name : objective->extras())
      EXPECT_FALSE(loss.extras.at(name).requires_grad()) << name;
  }
}

}  // namespace
}  // namespace ddpm
