#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ddpm/checkpoint/pickle.h"

namespace ddpm {

/// The number of a value in a `PickleMachine`.
using PickleId = uint32_t;

enum class PickleKind {
  kNone,
  kInteger,
  kNumber,
  kText,
  kSequence,
  kDictionary,
  kClass,
  kObject,
  kStorage,
  kTensor
};

/// A value of a pickle. Values name each other by number, so that lists which hold themselves, and
/// chains of any length, cost nothing.
struct PickleValue {
  PickleKind kind = PickleKind::kNone;
  int64_t integer = 0;  // also the place of a storage or a tensor among the tensors
  double number = 0.0;
  std::string text;             // also the name of a class, and of the class of an object
  std::vector<PickleId> parts;  // of a sequence; keys and values in turn of a dictionary
};

/// Runs the operations of a pickle on a stack of values.
class PickleMachine {
 public:
  /// Both must outlive the machine.
  PickleMachine(std::string_view bytes, const std::string& origin);

  /// Runs to the operation that ends the pickle; gives what is on the stack then.
  PickleId run();

  const PickleValue& at(PickleId id) const { return values_[id]; }
  const PickledTensor& tensor_at(PickleId id) const;
  uint64_t position() const { return position_; }
  [[noreturn]] void fail(const std::string& what) const;

 private:
  bool step_value(uint8_t code);
  bool step_text(uint8_t code);
  bool step_container(uint8_t code);
  bool step_items(uint8_t code);
  bool step_stack(uint8_t code);
  bool step_memo(uint8_t code);
  bool step_object(uint8_t code);

  std::string_view take(uint64_t count);
  uint64_t take_number(int bytes);
  std::string_view take_line();

  PickleId add(PickleValue value);
  PickleId pop();
  PickleValue& top();
  std::vector<PickleId> pop_to_mark();
  void push(PickleValue value);
  void push_kind(PickleKind kind, std::string_view text = {});
  void push_integer(int64_t value);
  void push_long(std::string_view bytes);
  void push_sequence(std::vector<PickleId> parts);
  void push_class(std::string_view module, std::string_view name);
  void append(const std::vector<PickleId>& parts);
  void set_items(const std::vector<PickleId>& parts);
  void memoize(uint64_t place);
  void recall(uint64_t place);
  void call();
  void load_persistent();

  PickleValue called(const std::string& name, const std::vector<PickleId>& arguments);
  PickleValue dictionary_of(const std::vector<PickleId>& arguments);
  PickleValue tensor_of(const std::vector<PickleId>& arguments);
  PickleValue keep_tensor(PickledTensor tensor, PickleKind kind);
  void check_within_storage(const PickledTensor& tensor) const;
  int64_t integer_of(PickleId id) const;
  std::vector<int64_t> extents_of(PickleId id) const;

  std::string_view bytes_;
  const std::string& origin_;
  uint64_t position_ = 0;
  uint64_t kept_bytes_ = 0;
  std::vector<PickleValue> values_;
  std::vector<PickledTensor> tensors_;
  std::vector<PickleId> stack_;
  std::vector<size_t> marks_;
  std::vector<PickleId> memo_;
};

}  // namespace ddpm
