#include "ddpm/config/settings.h"

#include <set>
#include <utility>

#include <gtest/gtest.h>

#include "ddpm/util/error.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

std::string error_of(std::string_view key, std::string_view text) {
  Config config;
  try {
    set_setting(config, key, text, "flag");
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

Config with(std::string_view key, std::string_view text) {
  Config config;
  set_setting(config, key, text, "flag");
  return config;
}

std::string value_of(Config config, std::string_view key) {
  return format_value(find_setting(config, key, "test"));
}

TEST(SettingsTable, KeysAreUniqueAndInKnownSections) {
  Config config;
  std::set<std::string_view> keys;
  for (const auto& setting : settings(config)) {
    EXPECT_TRUE(keys.insert(setting.key).second) << setting.key;
    EXPECT_EQ(split(setting.key, '.').size(), 2U) << setting.key;
  }
}

TEST(SettingsTable, SectionsStandTogether) {
  EXPECT_EQ(section_names(), (std::vector<std::string>{"data", "model", "classifier", "diffusion",
                                                       "train", "sample"}));
}

TEST(SettingsTable, HelpIsOneSentence) {
  Config config;
  for (const auto& setting : settings(config)) {
    EXPECT_TRUE(setting.help.ends_with('.')) << setting.key;
    EXPECT_LT(setting.help.size(), 100U) << setting.key;
  }
}

TEST(SettingsTable, NoMemberIsBoundTwice) {
  Config config;
  for (const auto& setting : settings(config)) {
    Config changed;
    for (const char* text : {"true", "0.5", "2", "null", "7,7"}) {
      try {
        set_setting(changed, setting.key, text, "test");
      } catch (const UserError&) {
      }
    }
    EXPECT_LE(changed_settings(Config(), changed).size(), 1U) << setting.key;
  }
}

TEST(SettingsTable, DefaultsAreAllowed) {
  Config config;
  for (const auto& setting : settings(config))
    EXPECT_EQ(error_of(setting.key, setting.key == "data.root" ? "" : format_value(setting)), "");
}

TEST(SettingsTable, ResumeFixesWhatShapesModelDataAndRandomness) {
  const std::set<std::string_view> fixed = {"data.name",
                                            "data.split",
                                            "data.image_size",
                                            "data.channels",
                                            "data.skip_bad",
                                            "data.memory_limit_gb",
                                            "train.seed",
                                            "train.task",
                                            "data.labels",
                                            "train.noise_offset",
                                            "train.timestep_sampler",
                                            "train.logit_mean",
                                            "train.logit_std",
                                            "train.p_mean",
                                            "train.p_std",
                                            "train.coupling",
                                            "train.augment",
                                            "train.augment_transforms",
                                            "train.optimizer",
                                            "train.precision",
                                            "train.batch_size",
                                            "train.gradient_accumulation_steps"};
  Config config;
  for (const auto& row : settings(config)) {
    const bool whole_section = row.key.starts_with("model.") || row.key.starts_with("diffusion.") ||
                               row.key.starts_with("classifier.");
    const bool expected = whole_section || fixed.contains(row.key);
    EXPECT_EQ(row.on_resume == OnResume::kFixed, expected) << row.key;
  }
}

TEST(SetSetting, UnknownKeyNamesTheNearest) {
  EXPECT_EQ(error_of("train.batchsize", "3"),
            "flag: unknown setting 'train.batchsize'; did you mean 'train.batch_size'?");
  EXPECT_EQ(error_of("batchsize", "3"),
            "flag: unknown setting 'batchsize'; did you mean 'train.batch_size'?");
}

TEST(SetSetting, RangeIsTold) {
  EXPECT_EQ(error_of("model.dropout", "1.5"), "flag: model.dropout must be at most 1, got 1.5");
  EXPECT_EQ(error_of("model.dropout", "-0.1"), "flag: model.dropout must be at least 0, got -0.1");
  EXPECT_EQ(error_of("train.lr", "0"), "flag: train.lr must be above 0, got 0");
  EXPECT_EQ(error_of("train.ema_decay", "1"), "flag: train.ema_decay must be below 1, got 1");
  EXPECT_EQ(error_of("train.batch_size", "0"), "flag: train.batch_size must be at least 1, got 0");
}

TEST(SetSetting, NoNumberTakesNanOrInfinity) {
  Config config;
  for (const auto& setting : settings(config)) {
    if (!std::holds_alternative<double*>(setting.slot)) continue;
    for (const char* text : {"nan", ".nan", "-nan", "inf", ".inf", "-inf", ".NaN", "1e999"})
      EXPECT_NE(error_of(setting.key, text), "") << setting.key << " " << text;
  }
}

TEST(SetSetting, IntegersAreDecimalWithoutFrills) {
  for (const char* text : {"", "1e3", "0x10", "010", "1_000", "+3", "3.0", "3 4", "three", "true",
                           "nan", "null", "[3]", "-", "9223372036854775808"})
    EXPECT_NE(error_of("train.batch_size", text), "") << text;
  EXPECT_EQ(error_of("train.batch_size", "010"),
            "flag: train.batch_size must be an integer, got '010'");
}

TEST(SetSetting, NumbersAreDecimalWithoutFrills) {
  for (const char* text : {"", "0x10", "01.5", "-00.5", "1_000", "+3", "1,5", "1e", "a", "null"})
    EXPECT_NE(error_of("sample.guidance", text), "") << text;
  for (const auto& [text, value] : {std::pair{"3", 3.0}, {"2.5", 2.5}, {"1e1", 10.0}, {".5", 0.5}})
    EXPECT_EQ(with("sample.guidance", text).sample.guidance, value);
}

TEST(SetSetting, BooleansAreTrueOrFalse) {
  EXPECT_TRUE(with("data.flip", "true").data.flip);
  for (const char* text : {"yes", "no", "on", "1", "True", "", "null"})
    EXPECT_EQ(error_of("data.flip", text),
              "flag: data.flip must be true or false, got '" + std::string(text) + "'");
}

TEST(SetSetting, HugeSeedIsKept) {
  EXPECT_EQ(with("train.seed", "9223372036854775807").train.seed, INT64_MAX);
}

TEST(SetSetting, OnlyOptionalSettingsTakeNull) {
  Config config;
  for (const auto& setting : settings(config)) {
    const bool text = std::holds_alternative<std::string*>(setting.slot) ||
                      std::holds_alternative<PathSlot>(setting.slot);
    const bool optional = std::holds_alternative<std::optional<int64_t>*>(setting.slot) ||
                          setting.key == "data.image_size";
    const bool any_text = text && setting.choices.empty();  // there it is a word as any other
    EXPECT_EQ(error_of(setting.key, "null").empty(), optional || any_text) << setting.key;
  }
}

TEST(SetSetting, ListsTakeBracketsOrNone) {
  const std::vector<int64_t> expected = {64, 128};
  for (const char* text : {"[64, 128]", "64,128", " [ 64,128 ] "})
    EXPECT_EQ(with("model.block_out_channels", text).model.block_out_channels, expected) << text;
}

TEST(SetSetting, BrokenListsAreRefused) {
  for (const char* text : {"", "[]", "[1", "1,", "[1,,2]", "[[1]]", "[0]", "1;2", "null"})
    EXPECT_NE(error_of("model.block_out_channels", text), "") << text;
  EXPECT_EQ(error_of("model.block_out_channels", "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1"),
            "flag: model.block_out_channels must be a list of at most 16 entries, got 17");
}

TEST(SetSetting, ImageSizeIsOneNumberOrTwo) {
  EXPECT_EQ(with("data.image_size", "32").data.image_size, (std::vector<int64_t>{32}));
  EXPECT_EQ(with("data.image_size", "[32, 48]").data.image_size, (std::vector<int64_t>{32, 48}));
  EXPECT_TRUE(with("data.image_size", "null").data.image_size.empty());
  for (const char* text : {"0", "[]", "[1, 2, 3]", "32x32", "32.5", "99999"})
    EXPECT_NE(error_of("data.image_size", text), "") << text;
}

TEST(SetSetting, NumbersInAListMayBeManyOrNone) {
  EXPECT_EQ(with("diffusion.trained_betas", "[0.1, 0.5]").diffusion.trained_betas,
            (std::vector<double>{0.1, 0.5}));
  EXPECT_EQ(with("sample.guidance_interval", "0.3,5").sample.guidance_interval,
            (std::vector<double>{0.3, 5.0}));
  EXPECT_TRUE(with("diffusion.trained_betas", "[]").diffusion.trained_betas.empty());
  std::string many = "0.1";
  for (int i = 1; i < 100; ++i)
    many += ",0.1";
  EXPECT_EQ(with("diffusion.trained_betas", many).diffusion.trained_betas.size(), 100U);
  for (const char* text : {"[0]", "[1.5]", "[0.1, x]", "[nan]", "[0.1,]"})
    EXPECT_NE(error_of("diffusion.trained_betas", text), "") << text;
}

TEST(SetSetting, ChoicesAreTold) {
  EXPECT_EQ(error_of("diffusion.beta_schedule", "cosin"),
            "flag: diffusion.beta_schedule must be one of linear, scaled_linear, quadratic, "
            "squaredcos_cap_v2, sigmoid, jsd, got 'cosin'");
  EXPECT_EQ(error_of("data.channels", "2"), "flag: data.channels must be one of 0, 1, 3, got '2'");
  EXPECT_EQ(error_of("model.up_block_types", "[UpBlock2D, DownBlock2D]"),
            "flag: model.up_block_types must be one of UpBlock2D, AttnUpBlock2D, "
            "ResnetUpsampleBlock2D, got 'DownBlock2D'");
  EXPECT_NE(error_of("data.name", "imagenet"), "");
}

TEST(SetSetting, TextIsTakenAsItIs) {
  EXPECT_EQ(with("data.root", " [a, b] ").data.root, " [a, b] ");
  EXPECT_EQ(with("data.root", "null").data.root, "null");
  EXPECT_EQ(with("data.root", "").data.root, "");
  EXPECT_NE(error_of("data.root", "caf\xE9"), "");
}

TEST(SetSetting, ErrorsStayOnOneShortLine) {
  const auto error = error_of("train.lr", "a\nb" + std::string(5000, 'x'));
  EXPECT_EQ(error.find('\n'), std::string::npos);
  EXPECT_LT(error.size(), 200U);
  EXPECT_LT(error_of(std::string(5000, '\n'), "1").size(), 200U);
}

TEST(SetSetting, RefusedValueChangesNothing) {
  Config config;
  EXPECT_THROW(set_setting(config, "model.block_out_channels", "[64, x]", "flag"), UserError);
  EXPECT_THROW(set_setting(config, "train.precision", "fp8", "flag"), UserError);
  EXPECT_TRUE(changed_settings(Config(), config).empty());
}

TEST(SetSetting, TransformsAreWordsOfAList) {
  EXPECT_EQ(with("train.augment_transforms", "scale,rotate").train.augment_transforms,
            (std::vector<std::string>{"scale", "rotate"}));
  Config config;
  EXPECT_THROW(set_setting(config, "train.augment_transforms", "shear", "flag"), UserError);
  EXPECT_THROW(set_setting(config, "train.augment", "12", "flag"), UserError);
}

TEST(FormatValue, IsShortAndReadable) {
  EXPECT_EQ(value_of(Config(), "train.lr"), "0.0002");
  EXPECT_EQ(value_of(Config(), "train.steps"), "null");
  EXPECT_EQ(value_of(Config(), "data.image_size"), "null");
  EXPECT_EQ(value_of(with("data.image_size", "[32,48]"), "data.image_size"), "[32, 48]");
  EXPECT_EQ(value_of(with("data.image_size", "[32]"), "data.image_size"), "32");
  EXPECT_EQ(value_of(Config(), "model.add_attention"), "true");
  EXPECT_EQ(value_of(with("data.root", "~a/b c"), "data.root"), "\"~a/b c\"");
}

TEST(Describe, TellsWhatIsAllowed) {
  Config config;
  EXPECT_EQ(describe(find_setting(config, "model.dropout", "test")),
            "Dropout probability. [at least 0, at most 1]");
  EXPECT_EQ(
      describe(find_setting(config, "train.optimizer", "test")),
      "Optimizer; muon takes orthogonal steps for matrices inside the network, adamw's for the "
      "rest. [adam, adamw, muon]");
  EXPECT_TRUE(describe(find_setting(config, "data.flip", "test")).ends_with("[true, false]"));
  EXPECT_TRUE(describe(find_setting(config, "data.root", "test")).ends_with("."));
}

TEST(ChangedSettings, TellBothValuesAndWhetherResumeAllowsIt) {
  Config after = with("train.lr", "1e-3");
  set_setting(after, "model.dropout", "0.1", "flag");
  const auto changes = changed_settings(Config(), after);
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_EQ(changes[0].key, "model.dropout");
  EXPECT_EQ(changes[0].on_resume, OnResume::kFixed);
  EXPECT_EQ(changes[1].before, "0.0002");
  EXPECT_EQ(changes[1].after, "0.001");
  EXPECT_EQ(changes[1].on_resume, OnResume::kFree);
}

}  // namespace
}  // namespace ddpm
