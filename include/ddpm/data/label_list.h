#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ddpm {

/// The classes of image files as a list beside them tells.
struct LabelList {
  std::map<std::string, std::string> labels;  // by the file's name, relative to the list's folder
  std::string column;                         // that of the labels; "" if there are none
  std::vector<std::string> other_columns;     // which are not read, by their bytes
};

/// Reads Hugging Face's `metadata.csv` (RFC 4180, UTF-8, with or without a byte order mark) or
/// `metadata.jsonl` (an object a line): the column `file_name`, and the first of `label`, `labels`,
/// `class`, `class_name`, `category`, `target` and `fine_label` that is there. Labels are texts or
/// whole numbers. `DataError` starting with `origin`, and naming the line, if it is broken, has no
/// `file_name`, or has a file twice.
LabelList parse_metadata_csv(std::string_view text, const std::string& origin);
LabelList parse_metadata_jsonl(std::string_view text, const std::string& origin);

/// Reads EDM's `dataset.json`: `{"labels": [["00000/img00000000.png", 6], ...]}` or
/// `{"labels": null}`; other keys are told as columns. `DataError` starting with `origin`.
LabelList parse_dataset_json(std::string_view text, const std::string& origin);

/// Reads a list by the name of its file, which is one of the three.
LabelList parse_label_list(const std::string& file_name, std::string_view text,
                           const std::string& origin);

}  // namespace ddpm
