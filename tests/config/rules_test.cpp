#include "ddpm/config/rules.h"

#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "ddpm/util/error.h"

namespace ddpm {
namespace {

/// The rule that the defaults break after `change`; empty if none.
std::string broken_by(const std::function<void(Config&)>& change) {
  Config config;
  change(config);
  try {
    check_rules(config);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

/// What is wrong with an image size for a U-Net of so many levels.
std::string size_error(size_t levels, int64_t height, int64_t width) {
  ModelConfig model;
  model.block_out_channels.assign(levels, 32);
  try {
    check_image_size(model, height, width);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(Rules, DefaultsBreakNone) {
  EXPECT_EQ(broken_by([](Config&) {}), "");
}

TEST(Rules, EveryLevelHasABlockDownAndUp) {
  EXPECT_EQ(broken_by([](Config& c) { c.model.down_block_types.pop_back(); }),
            "model.down_block_types must have one entry for each of the 4 in "
            "model.block_out_channels, got 3");
  EXPECT_EQ(broken_by([](Config& c) { c.model.up_block_types.push_back("UpBlock2D"); }),
            "model.up_block_types must have one entry for each of the 4 in "
            "model.block_out_channels, got 5");
}

TEST(Rules, ChannelsAreMultiplesOfTheGroups) {
  EXPECT_EQ(broken_by([](Config& c) { c.model.block_out_channels[1] = 100; }),
            "model.block_out_channels must be multiples of model.norm_num_groups 32, got 100; "
            "nearest: 96 or 128");
  EXPECT_EQ(broken_by([](Config& c) { c.model.block_out_channels[1] = 8; }),
            "model.block_out_channels must be multiples of model.norm_num_groups 32, got 8; "
            "nearest: 32");
}

TEST(Rules, AttentionHeadsDivideTheChannelsOfAttention) {
  EXPECT_EQ(broken_by([](Config& c) { c.model.attention_head_dim = 8; }), "");
  EXPECT_EQ(broken_by([](Config& c) { c.model.attention_head_dim = 48; }),
            "model.attention_head_dim must divide the 256 channels of a block with attention, got "
            "48");
}

TEST(Rules, AttentionHeadsMindOnlyBlocksThatAttend) {
  const auto on_top_level = [](const char* up_block, bool middle) {
    return broken_by([=](Config& c) {
      c.model.block_out_channels = {96, 128};
      c.model.down_block_types = {"DownBlock2D", "DownBlock2D"};
      c.model.up_block_types = {"UpBlock2D", up_block};
      c.model.add_attention = middle;
      c.model.attention_head_dim = 48;
    });
  };
  EXPECT_EQ(on_top_level("AttnUpBlock2D", false), "");
  EXPECT_NE(on_top_level("AttnUpBlock2D", true), "");
}

TEST(Rules, TimeEmbeddingKeepsFrequencies) {
  EXPECT_NE(broken_by([](Config& c) { c.model.freq_shift = 64; }), "");
  EXPECT_EQ(broken_by([](Config& c) { c.model.freq_shift = 63; }), "");
}

TEST(Rules, BetaRises) {
  EXPECT_EQ(broken_by([](Config& c) { c.diffusion.beta_start = 0.02; }),
            "diffusion.beta_start must be below diffusion.beta_end 0.02, got 0.02");
}

TEST(Rules, AccumulationDividesTheBatch) {
  EXPECT_EQ(broken_by([](Config& c) { c.train.gradient_accumulation_steps = 3; }),
            "train.batch_size must be a multiple of train.gradient_accumulation_steps 3, got 128; "
            "nearest: 126 or 129");
}

TEST(Rules, WarmupEndsBeforeTheRun) {
  EXPECT_EQ(broken_by([](Config& c) { c.train.steps = 500; }),
            "train.warmup_steps must be below train.steps 500, got 500");
  EXPECT_EQ(broken_by([](Config& c) { c.train.steps = 501; }), "");
}

TEST(Rules, SampleStepsAreTimesteps) {
  EXPECT_EQ(broken_by([](Config& c) { c.sample.steps = 1001; }),
            "sample.steps must be at most diffusion.num_train_timesteps 1000, got 1001");
  EXPECT_EQ(broken_by([](Config& c) { c.sample.steps = 1000; }), "");
}

TEST(Rules, OffsetStaysInsideTheTimesteps) {
  const auto leading = [](int64_t offset) {
    return broken_by([=](Config& c) {
      c.sample.timestep_spacing = TimestepSpacing::kLeading;
      c.sample.steps_offset = offset;
    });
  };
  EXPECT_EQ(leading(19), "");
  EXPECT_EQ(leading(20), "sample.steps_offset must be at most 19 for 50 steps, got 20");
}

TEST(Rules, SettingsOfDdimAreRefusedForDdpm) {
  const auto ddpm = [](Config& c) { c.sample.sampler = SamplerType::kDdpm; };
  EXPECT_EQ(broken_by(ddpm), "");
  EXPECT_EQ(broken_by([&](Config& c) { ddpm(c), c.sample.eta = 0.5; }),
            "sample.eta belongs to the sampler ddim, expected 0 for ddpm, got 0.5");
}

TEST(Rules, PureNoiseNeedsAPredictionThatSaysSomethingThere) {
  const auto with = [](BetaSchedule schedule, bool rescaled, PredictionType type) {
    return broken_by([=](Config& c) {
      c.diffusion.beta_schedule = schedule;
      c.diffusion.rescale_betas_zero_snr = rescaled;
      c.diffusion.prediction_type = type;
    });
  };
  EXPECT_NE(with(BetaSchedule::kJsd, false, PredictionType::kEpsilon), "");
  EXPECT_NE(with(BetaSchedule::kLinear, true, PredictionType::kEpsilon), "");
  EXPECT_EQ(with(BetaSchedule::kJsd, false, PredictionType::kSample), "");
  EXPECT_EQ(with(BetaSchedule::kLinear, true, PredictionType::kVPrediction), "");
}

TEST(Rules, OneTimestepCannotBeRescaled) {
  const auto with = [](int64_t timesteps) {
    return broken_by([=](Config& c) {
      c.diffusion.num_train_timesteps = timesteps;
      c.diffusion.rescale_betas_zero_snr = true;
      c.diffusion.prediction_type = PredictionType::kVPrediction;
      c.sample.steps = 1;
    });
  };
  EXPECT_NE(with(1).find("at least 2 timesteps"), std::string::npos);
  EXPECT_EQ(with(2), "");
}

TEST(Rules, GivenBetasAreOneForEachTimestep) {
  const auto with = [](std::vector<double> betas) {
    return broken_by([=](Config& c) {
      c.diffusion.trained_betas = betas;
      c.diffusion.num_train_timesteps = 3;
      c.sample.steps = 2;
    });
  };
  EXPECT_EQ(with({0.1, 0.2, 0.3}), "");
  EXPECT_EQ(with({0.1, 0.2}),
            "diffusion.trained_betas must have diffusion.num_train_timesteps 3 entries, got 2");
  EXPECT_NE(with({0.1, 1.0, 0.3}), "");
  EXPECT_NE(with({0.1, 0.2, 1.0}), "");
}

TEST(Rules, ProcessesWithoutTimestepsRefuseWhatCountsThem) {
  const auto on = [](ProcessType process, auto change) {
    return broken_by([=](Config& c) {
      c.diffusion.process = process;
      change(c);
    });
  };
  for (const auto process : {ProcessType::kEdm, ProcessType::kFlow}) {
    EXPECT_EQ(on(process, [](Config&) {}), "");
    EXPECT_NE(on(process, [](Config& c) { c.sample.timestep_spacing = TimestepSpacing::kQuad; }),
              "");
    EXPECT_NE(on(process, [](Config& c) { c.sample.sampler = SamplerType::kDdpm; }), "");
    EXPECT_NE(on(process, [](Config& c) { c.diffusion.prediction_type = PredictionType::kSample; }),
              "");
    EXPECT_NE(on(process, [](Config& c) { c.diffusion.rescale_betas_zero_snr = true; }), "");
  }
  const auto churn = [](Config& c) {
    c.sample.sampler = SamplerType::kHeun;
    c.sample.s_churn = 10;
  };
  EXPECT_EQ(on(ProcessType::kEdm, churn), "");
  EXPECT_NE(on(ProcessType::kFlow, churn), "");
  EXPECT_NE(on(ProcessType::kDiscrete, [](Config& c) { c.sample.flow_shift = 3; }), "");
}

TEST(Rules, SamplersRefuseTheSettingsOfOthers) {
  EXPECT_EQ(broken_by([](Config& c) { c.sample.order = 2; }),
            "sample.order must be at most 0 for the sampler ddim, got 2");
  EXPECT_NE(broken_by([](Config& c) { c.sample.solver_type = SolverType::kBh1; }), "");
  EXPECT_NE(broken_by([](Config& c) { c.sample.s_churn = 1; }), "");
  EXPECT_EQ(broken_by([](Config& c) {
              c.sample.sampler = SamplerType::kUniPc;
              c.sample.order = 3;
              c.sample.solver_type = SolverType::kBh1;
            }),
            "");
}

TEST(Rules, GuidanceIntervalIsAPair) {
  const auto with = [](std::vector<double> interval) {
    return broken_by([=](Config& c) { c.sample.guidance_interval = interval; });
  };
  EXPECT_EQ(with({}), "");
  EXPECT_EQ(with({0.3, 5}), "");
  EXPECT_NE(with({5, 0.3}), "");
  EXPECT_NE(with({5}), "");
}

TEST(Rules, GuidanceClampBelongsToItsSchedule) {
  const auto with = [](GuidanceSchedule schedule, double clamp) {
    return broken_by([=](Config& c) {
      c.sample.guidance_schedule = schedule;
      c.sample.guidance_clamp = clamp;
    });
  };
  EXPECT_EQ(with(GuidanceSchedule::kClampLinear, 2), "");
  EXPECT_EQ(with(GuidanceSchedule::kLinear, 0), "");
  EXPECT_NE(with(GuidanceSchedule::kLinear, 2).find("guidance_clamp"), std::string::npos);
}

TEST(Rules, ImageSizeInTheSettingsIsChecked) {
  EXPECT_NE(broken_by([](Config& c) { c.data.image_size = {30}; }), "");
  EXPECT_NE(broken_by([](Config& c) { c.data.image_size = {32, 30}; }), "");
  EXPECT_EQ(broken_by([](Config& c) { c.data.image_size = {32, 40}; }), "");
}

TEST(Rules, TheLossTrainsTheVarianceExactlyIfThereIsOne) {
  EXPECT_EQ(broken_by([](Config& c) { c.diffusion.variance = Variance::kLearnedRange; }),
            "train.loss simple does not train the variance of diffusion.variance learned_range; "
            "expected hybrid or vlb");
  EXPECT_EQ(broken_by([](Config& c) { c.train.loss = DenoisingLoss::kHybrid; }),
            "train.loss hybrid trains the variance by the bound, expected diffusion.variance "
            "learned_range, got fixed");
  EXPECT_EQ(broken_by([](Config& c) { c.train.loss = DenoisingLoss::kVlb; }), "");
}

TEST(Rules, TheBoundTakesNoOtherWeightsAndTypes) {
  const auto vlb_with = [](auto change) {
    return broken_by([&](Config& c) {
      c.train.loss = DenoisingLoss::kVlb;
      change(c.train);
    });
  };
  EXPECT_EQ(vlb_with([](TrainConfig& t) { t.loss_weighting = LossWeighting::kP2; }),
            "train.loss vlb has weights of its own, expected train.loss_weighting none, got p2");
  EXPECT_EQ(vlb_with([](TrainConfig& t) { t.loss_type = LossType::kL1; }),
            "train.loss vlb measures bits, train.loss_type l1 has no place in it; expected l2");
}

TEST(Rules, TimestepSamplersBelongToProcesses) {
  const auto drawn = [](ProcessType process, TimestepSampler sampler) {
    return broken_by([&](Config& c) {
      c.diffusion.process = process;
      c.train.timestep_sampler = sampler;
    });
  };
  EXPECT_EQ(drawn(ProcessType::kEdm, TimestepSampler::kLogNormal), "");
  EXPECT_EQ(drawn(ProcessType::kFlow, TimestepSampler::kLogitNormal), "");
  EXPECT_EQ(drawn(ProcessType::kEdm, TimestepSampler::kUniform),
            "train.timestep_sampler must be auto or log_normal or stratified for the process edm, "
            "got uniform");
  EXPECT_NE(drawn(ProcessType::kFlow, TimestepSampler::kLossSecondMoment), "");
}

TEST(Rules, OnlyTheDiscreteProcessHasABound) {
  const auto broken = broken_by([](Config& c) {
    c.diffusion.process = ProcessType::kFlow;
    c.train.loss = DenoisingLoss::kVlb;
  });
  EXPECT_EQ(broken,
            "train.loss vlb needs the variational bound of the process discrete, expected simple "
            "for flow");
  EXPECT_NE(broken_by([](Config& c) {
              c.diffusion.process = ProcessType::kEdm;
              c.diffusion.variance = Variance::kLearnedRange;
            }),
            "");
}

TEST(Rules, AClassifierHasNoLossOfADenoiser) {
  EXPECT_EQ(broken_by([](Config& c) { c.train.task = Task::kClassifier; }), "");
  EXPECT_EQ(broken_by([](Config& c) {
              c.train.task = Task::kClassifier;
              c.train.loss_weighting = LossWeighting::kMinSnr;
            }),
            "train.loss_weighting min_snr belongs to train.task denoiser; leave it out for a "
            "classifier");
}

TEST(ImageSize, EveryLevelButTheLastHalves) {
  EXPECT_EQ(size_error(3, 28, 28), "");
  EXPECT_EQ(size_error(1, 7, 5), "");
  EXPECT_NE(size_error(4, 28, 28), "");
}

TEST(ImageSize, ErrorTellsTheNearest) {
  EXPECT_EQ(size_error(3, 30, 30),
            "data.image_size 30x30 does not fit the U-Net's 3 levels: sides must be multiples of "
            "4; nearest: 28 or 32");
  EXPECT_TRUE(size_error(4, 3, 3).ends_with("nearest: 8"));
  EXPECT_TRUE(size_error(3, 30, 45).ends_with("nearest: 28x44 or 32x48"));
  EXPECT_TRUE(size_error(3, 32, 45).ends_with("nearest: 32x44 or 32x48"));
}

TEST(Rules, AttentionThatPoolsHasAHead) {
  const auto with = [](Pooling pooling) {
    return broken_by([=](Config& c) {
      c.train.task = Task::kClassifier;
      c.classifier.pooling = pooling;
      c.model.add_attention = false;
      for (auto& type : c.model.down_block_types)
        type = "DownBlock2D";
      for (auto& type : c.model.up_block_types)
        type = "UpBlock2D";
      c.model.attention_head_dim = 2 * c.model.block_out_channels.back();
    });
  };
  EXPECT_NE(with(Pooling::kAttention).find("classifier.pooling attention"), std::string::npos);
  EXPECT_EQ(with(Pooling::kMean), "");
}

TEST(ImageSize, AClassifierTakesOddSides) {
  Config config;
  config.train.task = Task::kClassifier;
  config.model.block_out_channels = {8, 8, 8, 8};
  EXPECT_NO_THROW(check_image_size(config, 28, 9));
  EXPECT_THROW(check_image_size(config, 28, 7), UserError);
  config.train.task = Task::kDenoiser;
  EXPECT_THROW(check_image_size(config, 28, 28), UserError);
}

}  // namespace
}  // namespace ddpm
