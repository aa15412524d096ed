#include "ddpm/config/yaml.h"

#include <cstdlib>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "ddpm/config/setting_value.h"
#include "ddpm/config/settings.h"
#include "ddpm/util/error.h"
#include "ddpm/util/text.h"
#include "support/temp_dir.h"

namespace ddpm {
namespace {

std::string error_of(std::string_view yaml) {
  Config config;
  try {
    apply_yaml(config, yaml, "run.yaml");
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

Config read(std::string_view yaml) {
  Config config;
  apply_yaml(config, yaml, "run.yaml");
  return config;
}

/// Whether `text` is allowed for `key` and changes it.
bool changes(Config& config, std::string_view key, const std::string& text) {
  const Config before = config;
  try {
    set_setting(config, key, text, "test");
  } catch (const UserError&) {
    return false;
  }
  return !changed_settings(before, config).empty();
}

/// Gives the setting some other value than its default.
bool change(Config& config, const Setting& setting) {
  auto texts = split(allowed_values(setting), ',');
  texts.insert(texts.end(), {"0.3333333333333333", "7", "1", "1e-12", "[16, 48]", "a: \"b\"\n#"});
  for (const auto& text : texts) {
    const bool is_choice = &text < &texts[texts.size() - 6];
    if (changes(config, setting.key, is_choice ? std::string(trim(text)) : text)) return true;
  }
  return false;
}

TEST(Yaml, DefaultsReadBack) {
  EXPECT_EQ(to_yaml(read(to_yaml(Config()))), to_yaml(Config()));
}

TEST(Yaml, EveryChangedSettingReadsBack) {
  Config changed;
  Config defaults;
  const auto table = settings(defaults);
  for (const auto& setting : table)
    EXPECT_TRUE(change(changed, setting)) << setting.key;
  EXPECT_EQ(changed_settings(Config(), changed).size(), table.size());
  const Config read_back = read(to_yaml(changed));
  EXPECT_TRUE(changed_settings(changed, read_back).empty());
  EXPECT_EQ(read_back.data.root, changed.data.root);
  EXPECT_EQ(read_back.train.lr, changed.train.lr);
}

TEST(Yaml, AwkwardTextsReadBack) {
  for (const std::string text : {"",
                                 "null",
                                 "~x",
                                 "true",
                                 "3",
                                 "-",
                                 "- a",
                                 "a: b",
                                 "# c",
                                 "'",
                                 "\"",
                                 "\\n",
                                 "\n\n",
                                 " a ",
                                 "\t",
                                 "[x]",
                                 "{x}",
                                 "&a",
                                 "*a",
                                 "!t",
                                 "%d",
                                 "@",
                                 "`",
                                 "\x01\x7F",
                                 "\xC2\x80 \xC2\x9B \xC2\xA0 \"\\",
                                 "\u00e9\u2028\u0085",
                                 "...",
                                 "---",
                                 "\xEF\xBB\xBF",
                                 "a\r\nb",
                                 "?",
                                 "? x",
                                 "<<",
                                 "\U0001F600"}) {
    Config config;
    config.data.root = text;
    EXPECT_EQ(read(to_yaml(config)).data.root, text) << text;
  }
}

TEST(Yaml, NumbersReadBackBitForBit) {
  for (const double value :
       {0.1 + 0.2, 1.0 / 3, 5e-324, 1.7976931348623157e308, 1e22, 123456.789}) {
    Config config;
    config.train.lr = value;
    EXPECT_EQ(read(to_yaml(config)).train.lr, value);
  }
}

TEST(Yaml, FilesWithoutSettingsLeaveTheDefaults) {
  for (const char* yaml : {"", "\n\n", "# nothing\n", "---\n...\n", "null\n", "{}\n"})
    EXPECT_EQ(to_yaml(read(yaml)), to_yaml(Config())) << yaml;
}

TEST(Yaml, UsualStylesAreRead) {
  const Config config = read(
      "# a comment\r\nmodel:\r\n  block_out_channels:\r\n    - 32\r\n    - 64  # half\r\n"
      "  down_block_types: [DownBlock2D, 'AttnDownBlock2D']\r\n"
      "train: {lr: 1e-3, steps: 10}\r\ndata:\r\n  image_size: [16, 24]\r\n  root: 2024\r\n");
  EXPECT_EQ(config.model.block_out_channels, (std::vector<int64_t>{32, 64}));
  EXPECT_EQ(config.model.down_block_types[1], "AttnDownBlock2D");
  EXPECT_EQ(config.train.lr, 1e-3);
  EXPECT_EQ(config.train.steps, 10);
  EXPECT_EQ(config.data.image_size, (std::vector<int64_t>{16, 24}));
  EXPECT_EQ(config.data.root, "2024");
}

TEST(Yaml, OtherSettingsStayAsTheyWere) {
  Config config;
  config.train.seed = 5;
  apply_yaml(config, "train:\n  lr: 1\n", "run.yaml");
  EXPECT_EQ(config.train.seed, 5);
  EXPECT_EQ(config.train.lr, 1);
}

TEST(Yaml, RefusedFileChangesNothing) {
  Config config;
  EXPECT_THROW(apply_yaml(config, "train:\n  lr: 1\n  seed: x\n", "run.yaml"), UserError);
  EXPECT_EQ(to_yaml(config), to_yaml(Config()));
}

TEST(Yaml, UnknownKeysNameLineAndNearest) {
  EXPECT_EQ(error_of("train:\n  batchsize: 3\n"),
            "run.yaml:2: unknown setting 'train.batchsize'; did you mean 'train.batch_size'?");
  EXPECT_EQ(error_of("\ntrian:\n  lr: 3\n"),
            "run.yaml:2: unknown section 'trian'; did you mean 'train'?");
  EXPECT_EQ(error_of("batch_size: 3\n"),
            "run.yaml:1: 'batch_size' is outside its section, expected it indented under 'train:'");
}

TEST(Yaml, RepeatedKeysAreRefused) {
  EXPECT_EQ(error_of("train:\n  lr: 1e-4\n  lr: 2e-4\n"), "run.yaml:3: 'train.lr' is set twice");
  EXPECT_EQ(error_of("train:\n  lr: 1e-4\n\"train\":\n  seed: 1\n"),
            "run.yaml:3: 'train' is set twice");
  EXPECT_EQ(error_of("train: {lr: 1, \"lr\": 1}\n"), "run.yaml:1: 'train.lr' is set twice");
}

TEST(Yaml, AnchorsAndAliasesAreRefused) {
  const auto anchor = "run.yaml:2: anchors are not supported";
  EXPECT_EQ(error_of("train:\n  lr: &a 1\n"), anchor);
  EXPECT_EQ(error_of("train:\n  &a lr: 1\n"), anchor);
  EXPECT_EQ(error_of("data:\n  root: &a\n"), anchor);
  EXPECT_EQ(error_of("model:\n  block_out_channels: &a [1]\n"), anchor);
  EXPECT_EQ(error_of("train: &a\n  lr: 1\n"), "run.yaml:1: anchors are not supported");
  EXPECT_NE(error_of("train:\n  lr: *a\n"), "");
  EXPECT_NE(error_of("train:\n  <<: {lr: 1}\n"), "");
}

TEST(Yaml, TagsAreRefused) {
  const auto tag = "run.yaml:2: tags are not supported";
  for (const char* value :
       {"!!float 1", "! 1", "! '1'", "!x 1", "!<tag:yaml.org,2002:int> 1", "!<?> 1", "!!null", "!"})
    EXPECT_EQ(error_of("train:\n  lr: " + std::string(value) + "\n"), tag) << value;
  EXPECT_EQ(error_of("model:\n  block_out_channels: !!seq [1]\n"), tag);
  EXPECT_EQ(error_of("\n!!map {train: {lr: 1}}\n"), tag);
}

TEST(Yaml, BareTagIsFoundBehindLongerCharacters) {
  const auto tag = "run.yaml:1: tags are not supported";
  EXPECT_EQ(error_of("data: {root: \u20ac\u00e9, split: ! test}"), tag);
  EXPECT_EQ(error_of("\xEF\xBB\xBF"
                     "data: {split: ! a}"),
            tag);
  EXPECT_EQ(error_of("data: {root: \"\u20ac!!!!!!!!!\", split: test}"), "");
}

TEST(Yaml, FurtherDocumentsAreRefused) {
  const auto more = "run.yaml:3: expected the end of the file, got more YAML";
  EXPECT_EQ(error_of("train:\n  lr: 1\n---\ntrain:\n  lr: 2\n"), more);
  EXPECT_NE(error_of("train:\n  lr: 1\n...\nx\n"), "");
  EXPECT_NE(error_of("---\n---\ntrain:\n  lr: 1\n"), "");
}

TEST(Yaml, WrongTypesNameLineAndSetting) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"train: {lr: [1]}", "train.lr must be a number, got a list"},
      {"train: {lr: {a: 1}}", "train.lr must be a number, got a map"},
      {"train: {lr: }", "train.lr must be a number, got null"},
      {"train: {lr: \"3\"}", "train.lr must be a number, got the quoted text \"3\""},
      {"train: {seed: '3'}", "train.seed must be an integer, got the quoted text \"3\""},
      {"data: {flip: yes}", "data.flip must be true or false, got 'yes'"},
      {"data: {flip: 'true'}", "data.flip must be true or false, got the quoted text \"true\""},
      {"data: {root: ~}", "data.root must be a text, got null"},
      {"data: {root: [a]}", "data.root must be a text, got a list"},
      {"data: {image_size: {a: 1}}",
       "data.image_size must be an integer, [height, width] or null, got a map"},
      {"train: {optimizer: ~}", "train.optimizer must be one of adam, adamw, muon, got null"},
      {"model: {block_out_channels: 3}",
       "model.block_out_channels must be a list of integers, got '3'"},
      {"model: {block_out_channels: [~]}", "model.block_out_channels must be an integer, got null"},
  };
  for (const auto& [yaml, error] : cases)
    EXPECT_EQ(error_of(yaml), "run.yaml:1: " + error);
}

TEST(Yaml, OddIntegersAreRefused) {
  for (const char* value : {"1e3", "0x10", "010", "0o10", "1_000", "+3", "3.0", "1:30", ".inf",
                            "18446744073709551616", "-9223372036854775809", "2 3", "2024-01-01"}) {
    const auto error = error_of("train:\n  batch_size: " + std::string(value));
    EXPECT_TRUE(error.starts_with("run.yaml:2: train.batch_size must be an integer")) << error;
  }
}

TEST(Yaml, OddNumbersAreRefused) {
  for (const char* value : {".inf", "-.inf", ".nan", ".NaN", "nan", "inf", "1e999", "0x1p3", "1_0",
                            "01", "+1", "1,5"}) {
    const auto error = error_of("train:\n  lr: " + std::string(value));
    EXPECT_TRUE(error.starts_with("run.yaml:2: train.lr must be")) << error;
  }
}

TEST(Yaml, RangeNamesTheLine) {
  EXPECT_EQ(error_of("model:\n\n  dropout: 1.5\n"),
            "run.yaml:3: model.dropout must be at most 1, got 1.5");
  EXPECT_EQ(error_of("train: {lr: .nan}"),
            "run.yaml:1: train.lr must be a finite number, got .nan");
}

TEST(Yaml, SectionsMustBeMaps) {
  for (const char* yaml : {"train: ''\n", "train: 3\n", "train: [lr, 1]\n"})
    EXPECT_EQ(error_of(yaml), "run.yaml:1: section 'train' must hold settings") << yaml;
  for (const char* yaml : {"3\n", "- train\n", "train\n", "lr:1\n"})
    EXPECT_EQ(error_of(yaml), "run.yaml:1: expected sections such as 'train:'") << yaml;
  EXPECT_NE(error_of("train:\n  [a]: 1\n"), "");
  EXPECT_NE(error_of("~: {lr: 1}\n"), "");
}

TEST(Yaml, SyntaxErrorsNameTheLine) {
  for (const char* yaml :
       {"train:\n  lr: [1\n", "train:\n  lr: \"1\n", "train:\n  lr: 1: 2\n", "train:\n\tlr: 1\n",
        "train:\n  lr: 1\n seed: 2\n", "a: \"\\xZZ\"\n", "%YAML 9.0\n---\ntrain: {lr: 1}\n"}) {
    const auto error = error_of(yaml);
    EXPECT_TRUE(error.starts_with("run.yaml:")) << yaml << error;
    EXPECT_EQ(error.find('\n'), std::string::npos);
  }
}

TEST(Yaml, DeepNestingIsRefused) {
  EXPECT_EQ(error_of("model: {block_out_channels: [[1]]}"), "run.yaml:1: nested too deeply");
  EXPECT_EQ(error_of(std::string(100'000, '[')), "run.yaml:1: nested too deeply");
  EXPECT_EQ(error_of(std::string(100'000, '{')), "run.yaml:1: nested too deeply");
}

TEST(Yaml, LargeFilesAreRefused) {
  EXPECT_EQ(error_of(std::string((1 << 20) + 1, '\n')),
            "run.yaml: expected at most 1 MiB of settings");
}

TEST(Yaml, OtherEncodingsAreRefused) {
  for (const std::string_view bytes :
       {std::string_view("\xFF\xFE"
                         "t\0",
                         4),
        std::string_view("t\0r\0", 4), std::string_view("data: {root: caf\xE9}")})
    EXPECT_EQ(error_of(bytes), "run.yaml: expected YAML in UTF-8");
}

TEST(LoadConfig, AppliesTheFileToTheDefaults) {
  const TempDir folder;
  const auto path = folder.write("a.yaml", "train:\n  lr: 0.5\n");
  EXPECT_EQ(load_config(path).train.lr, 0.5);
  EXPECT_EQ(load_config(path).train.batch_size, TrainConfig().batch_size);
}

TEST(LoadConfig, UnreadableFileIsAUsageError) {
  const TempDir folder;
  for (const auto& path : {folder.path() / "missing.yaml", folder.path()}) {
    try {
      load_config(path);
      ADD_FAILURE() << path;
    } catch (const UserError& error) {
      EXPECT_EQ(error.exit_code(), ExitCode::kUsage);
      EXPECT_TRUE(std::string(error.what()).starts_with(path.string()));
    }
  }
}

TEST(Yaml, ASectionOfCommentsAloneIsEmpty) {
  Config config;
  EXPECT_TRUE(apply_yaml(config, "train:\n  # lr: 1\ndata:\nsample:\n  steps: 7\n", "a").size() ==
              1);
  EXPECT_EQ(config.sample.steps, 7);
}

TEST(Yaml, ATabIsNamed) {
  for (const char* text : {"train:\n\tlr: 1e-4\n", "train:\n  lr: 1e-4\n \t steps: 3\n"}) {
    Config config;
    try {
      apply_yaml(config, text, "a.yaml");
      ADD_FAILURE() << text;
    } catch (const UserError& error) {
      EXPECT_NE(std::string(error.what()).find("a tab"), std::string::npos) << error.what();
    }
  }
}

TEST(Yaml, ThePersonsHomeIsMeantAndAFolderOfItsNameIsNot) {
  const std::string home = std::getenv("HOME") == nullptr ? "" : std::getenv("HOME");
  ::setenv("HOME", "/somewhere", 1);
  Config config;
  apply_yaml(config, "data: {root: ~/pictures}", "a.yaml");
  EXPECT_EQ(config.data.root, "/somewhere/pictures");
  config.data.root = "~";
  EXPECT_EQ(read(to_yaml(config)).data.root, "./~");
  ::setenv("HOME", home.c_str(), 1);
}

}  // namespace
}  // namespace ddpm
