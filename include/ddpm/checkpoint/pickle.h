#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ddpm {

/// A tensor as a pickle describes it; its numbers are in a storage elsewhere.
struct PickledTensor {
  std::string storage;         // the key of the storage
  std::string dtype;           // of its numbers, in safetensors' words: "F32", "BF16", ...
  uint64_t storage_size = 0;   // in numbers
  uint64_t offset = 0;         // of the first number, in numbers
  std::vector<int64_t> shape;  // at most 8 extents
  std::vector<int64_t> strides;
};

/// What a pickle holds, by the keys and places on the way to it, with points between them: the
/// tensor of {"state_dict": {"a.weight": T}} is "state_dict.a.weight".
struct PickleContent {
  std::map<std::string, PickledTensor> tensors;
  std::map<std::string, std::string> texts;    // numbers and texts of up to 64 letters
  std::map<std::string, std::string> objects;  // "module.Class" of whatever is of another class
  std::vector<std::string> list;               // the texts of a list, if the pickle is one
  uint64_t bytes = 0;                          // that the pickle took of what was given
};

/// Reads a pickle of protocols 2 to 5, such as `torch.save` writes. It knows tensors, dictionaries,
/// lists, tuples, sets, numbers and texts. Nothing is run or looked up: an object of another class
/// is kept as the class's name alone, and what a class would do with its arguments is passed over.
///
/// `CheckpointError` starting with `origin` if it is damaged or beyond the limits: two million
/// operations, a million values kept for later, 400,000 tensors, 48 levels, 50,000 parts, 64 MiB
/// of texts. Tensors lie within their storages.
PickleContent parse_pickle(std::string_view bytes, const std::string& origin);

}  // namespace ddpm
