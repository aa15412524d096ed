#include "ddpm/config/synonyms.h"

#include <gtest/gtest.h>

#include "ddpm/config/settings.h"
#include "ddpm/config/yaml.h"
#include "ddpm/util/error.h"
#include "tests/support/expect_error.h"

namespace ddpm {
namespace {

TEST(Synonyms, LeadToTheSetting) {
  const std::pair<const char*, const char*> words[] = {
      {"learning_rate", "train.lr"},
      {"train.learning-rate", "train.lr"},
      {"batch", "train.batch_size"},
      {"epochs", "train.steps"},
      {"timesteps", "diffusion.num_train_timesteps"},
      {"resolution", "data.image_size"},
      {"num_inference_steps", "sample.steps"},
      {"ema", "train.ema_decay"},
      {"Guidance_Scale", "sample.guidance"}};
  for (const auto& [word, key] : words) {
    Config config;
    expect_error<UserError>([&] { find_setting(config, word, "flag"); },
                            std::string("it is called ") + key + " here");
  }
}

TEST(Synonyms, AreOfSettingsThatThereAre) {
  for (const char* word :
       {"wd", "microbatch", "hflip", "cfg", "ddim_eta", "shift", "num_samples", "channel_mult",
        "learn_sigma", "cond_drop_prob", "save_total_limit", "augment_p"}) {
    const auto* const synonym = find_synonym(word);
    ASSERT_NE(synonym, nullptr) << word;
    Config config;
    EXPECT_NO_THROW(find_setting(config, synonym->key, "table")) << word;
  }
  EXPECT_EQ(find_synonym("lr"), nullptr);
}

TEST(Synonyms, OfSectionsAndOfWordsWithoutOneAreTold) {
  const auto error = [](const std::string& text, const std::string& what) {
    Config config;
    expect_error<UserError>([&] { apply_yaml(config, text, "a.yaml"); }, what);
  };
  error("training: {lr: 1}", "it is called 'train' here");
  error("dataset: {root: a}", "it is called 'data' here");
  error("learning_rate: 1", "it is called train.lr here (indented under 'train:')");
}

TEST(Synonyms, OfValuesAreUnderstood) {
  Config config;
  apply_yaml(config, "diffusion: {beta_schedule: cosine, prediction_type: v}", "a.yaml");
  EXPECT_EQ(config.diffusion.beta_schedule, BetaSchedule::kCosine);
  EXPECT_EQ(config.diffusion.prediction_type, PredictionType::kVPrediction);
  set_setting(config, "sample.sampler", "DPM++ 2M", "flag");
  EXPECT_EQ(config.sample.sampler, SamplerType::kDpmpp2m);
  set_setting(config, "train.precision", "fp32", "flag");
  EXPECT_EQ(config.train.precision, Precision::kFloat32);
}

}  // namespace
}  // namespace ddpm
