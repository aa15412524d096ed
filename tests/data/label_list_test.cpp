#include "ddpm/data/label_list.h"

#include <gtest/gtest.h>

#include "ddpm/util/error.h"
#include "support/data_files.h"

namespace ddpm {
namespace {

using Labels = std::map<std::string, std::string>;

std::string error_in(const std::string& file, const std::string& text) {
  return error_of<DataError>([&] { parse_label_list(file, text, "x"); });
}

TEST(LabelList, CsvHasQuotesMarksAndBothEndsOfLines) {
  const auto list = parse_metadata_csv(
      "\xEF\xBB\xBF\"file_name\",caption,label\r\n\"a,1.png\",\"say \"\"hi\"\",\nplease\",cat\r\n\n"
      "./b/2.png,,dog",
      "x");
  EXPECT_EQ(list.labels, (Labels{{"a,1.png", "cat"}, {"b/2.png", "dog"}}));
  EXPECT_EQ(list.column, "label");
  EXPECT_EQ(list.other_columns, std::vector<std::string>{"caption"});
}

TEST(LabelList, BrokenCsvIsNamedWithItsLine) {
  EXPECT_TRUE(contains(error_in("metadata.csv", "name,label\na,b"), "expected a column file_name"));
  EXPECT_TRUE(contains(error_in("metadata.csv", ""), "got nothing"));
  EXPECT_EQ(error_in("metadata.csv", "file_name,label\na.png"), "x:2: expected 2 fields, got 1");
  EXPECT_EQ(error_in("metadata.csv", "file_name\n\"a.png"), "x:2: broken CSV");
  EXPECT_EQ(error_in("metadata.csv", "file_name\n\"a\"b"), "x:2: broken CSV");
  EXPECT_EQ(error_in("metadata.csv", "file_name\na\n./a"), "x:3: has the file ./a twice");
}

TEST(LabelList, JsonLinesTellTextsOrNumbers) {
  const auto list = parse_metadata_jsonl(
      "{\"file_name\": \"a.png\", \"category\": \"cat\", \"bbox\": [1]}\n\n"
      "{\"file_name\": \"b.png\", \"category\": 7}\n",
      "x");
  EXPECT_EQ(list.labels, (Labels{{"a.png", "cat"}, {"b.png", "7"}}));
  EXPECT_EQ(list.column, "category");
  EXPECT_EQ(list.other_columns, std::vector<std::string>{"bbox"});
}

TEST(LabelList, BrokenJsonLinesAreNamed) {
  EXPECT_EQ(error_in("metadata.jsonl", "{}\n[1]"),
            "x:1: expected file_name with the name of a file");
  EXPECT_EQ(error_in("metadata.jsonl", "\n[1]"), "x:2: expected a JSON object");
  EXPECT_EQ(error_in("metadata.jsonl", "{\"file_name\": \"a\", \"label\": 0.5}"),
            "x:1: expected label as a text or a whole number");
}

TEST(LabelList, WithoutAColumnThereAreNoLabels) {
  EXPECT_EQ(parse_metadata_csv("file_name,text\na.png,x\n", "x").column, "");
  EXPECT_EQ(parse_metadata_jsonl("{\"file_name\": \"a.png\"}", "x").column, "");
  EXPECT_EQ(parse_dataset_json("{\"labels\": null}", "x").column, "");
}

TEST(LabelList, DatasetJsonHasPairs) {
  const auto list =
      parse_dataset_json(R"({"labels": [["0/a.png", 3], ["b.png", 0]], "v": 1})", "x");
  EXPECT_EQ(list.labels, (Labels{{"0/a.png", "3"}, {"b.png", "0"}}));
  EXPECT_EQ(list.other_columns, std::vector<std::string>{"v"});
  EXPECT_TRUE(contains(error_in("dataset.json", R"({"labels": [["a"]]})"), "label 0 is none"));
  EXPECT_TRUE(contains(error_in("dataset.json", R"({"labels": 3})"), "as a list or null"));
  EXPECT_TRUE(contains(error_in("dataset.json", "["), "expected a JSON object"));
  const std::string deep(100'000, '[');
  EXPECT_NE(error_in("dataset.json", R"({"labels": [)" + deep), "");
}

}  // namespace
}  // namespace ddpm
