#include "ddpm/checkpoint/pickle_machine.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "ddpm/util/checked_product.h"
#include "ddpm/util/error.h"

namespace ddpm {
namespace {

constexpr size_t kMostMemo = 1'000'000;
constexpr uint64_t kMostTextBytes = uint64_t{64} << 20;
constexpr size_t kMostExtents = 8;
constexpr size_t kMostTensors = 400'000;
constexpr size_t kLongestName = 256;  // of a class
constexpr size_t kLongestKey = 64;    // of a storage
constexpr PickleId kNothing = UINT32_MAX;

constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kStorages{{
    {"torch.DoubleStorage", "F64"},
    {"torch.FloatStorage", "F32"},
    {"torch.HalfStorage", "F16"},
    {"torch.BFloat16Storage", "BF16"},
    {"torch.LongStorage", "I64"},
    {"torch.IntStorage", "I32"},
    {"torch.ShortStorage", "I16"},
    {"torch.CharStorage", "I8"},
    {"torch.ByteStorage", "U8"},
    {"torch.BoolStorage", "BOOL"},
}};

PickleValue object_of(const std::string& class_name) {
  PickleValue object;
  object.kind = PickleKind::kObject;
  object.text = class_name;
  return object;
}

}  // namespace

PickleMachine::PickleMachine(std::string_view bytes, const std::string& origin)
    : bytes_(bytes),
      origin_(origin) {}

void PickleMachine::fail(const std::string& what) const {
  throw CheckpointError(origin_, ": pickle, byte ", position_, ": ", what);
}

const PickledTensor& PickleMachine::tensor_at(PickleId id) const {
  return tensors_[static_cast<size_t>(values_[id].integer)];
}

std::string_view PickleMachine::take(uint64_t count) {
  if (count > bytes_.size() - position_) fail("cut off");
  const auto taken = bytes_.substr(position_, count);
  position_ += count;
  return taken;
}

uint64_t PickleMachine::take_number(int bytes) {
  uint64_t number = 0;
  std::memcpy(&number, take(static_cast<uint64_t>(bytes)).data(), static_cast<size_t>(bytes));
  return number;
}

std::string_view PickleMachine::take_line() {
  const auto end = bytes_.substr(position_, kLongestName + 1).find('\n');
  if (end == std::string_view::npos) fail("expected the name of a class");
  const auto line = take(end);
  take(1);
  return line;
}

PickleId PickleMachine::add(PickleValue value) {
  kept_bytes_ += value.text.size();
  if (kept_bytes_ > kMostTextBytes) fail("too many texts");
  values_.push_back(std::move(value));
  return static_cast<PickleId>(values_.size() - 1);
}

PickleId PickleMachine::pop() {
  top();
  const PickleId id = stack_.back();
  stack_.pop_back();
  return id;
}

/// What lies under the last mark belongs to nobody until that is taken away.
PickleValue& PickleMachine::top() {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) fail("expected a value before it");
  return values_[stack_.back()];
}

std::vector<PickleId> PickleMachine::pop_to_mark() {
  if (marks_.empty()) fail("expected a mark before it");
  const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<PickleId> parts(first, stack_.end());
  stack_.erase(first, stack_.end());
  marks_.pop_back();
  return parts;
}

void PickleMachine::push(PickleValue value) {
  stack_.push_back(add(std::move(value)));
}

void PickleMachine::push_kind(PickleKind kind, std::string_view text) {
  PickleValue value;
  value.kind = kind;
  value.text = text;
  push(std::move(value));
}

void PickleMachine::push_integer(int64_t number) {
  PickleValue value;
  value.kind = PickleKind::kInteger;
  value.integer = number;
  push(std::move(value));
}

/// A whole number of any length, least significant byte first, two's complement.
void PickleMachine::push_long(std::string_view bytes) {
  if (bytes.size() > sizeof(int64_t)) return push_kind(PickleKind::kObject, "int");
  const bool negative = !bytes.empty() && static_cast<signed char>(bytes.back()) < 0;
  int64_t number = negative ? -1 : 0;
  std::memcpy(&number, bytes.data(), bytes.size());
  push_integer(number);
}

void PickleMachine::push_sequence(std::vector<PickleId> parts) {
  PickleValue value;
  value.kind = PickleKind::kSequence;
  value.parts = std::move(parts);
  push(std::move(value));
}

void PickleMachine::push_class(std::string_view module, std::string_view name) {
  if (module.size() + name.size() > kLongestName) fail("the name of a class is too long");
  push_kind(PickleKind::kClass, std::string(module) + "." + std::string(name));
}

void PickleMachine::append(const std::vector<PickleId>& parts) {
  auto& list = top();
  if (list.kind == PickleKind::kObject) return;
  if (list.kind != PickleKind::kSequence) fail("expected a list");
  list.parts.insert(list.parts.end(), parts.begin(), parts.end());
}

void PickleMachine::set_items(const std::vector<PickleId>& parts) {
  auto& dictionary = top();
  if (dictionary.kind == PickleKind::kObject) return;
  if (dictionary.kind != PickleKind::kDictionary) fail("expected a dictionary");
  if (parts.size() % 2 != 0) fail("expected a value for each key");
  dictionary.parts.insert(dictionary.parts.end(), parts.begin(), parts.end());
}

void PickleMachine::memoize(uint64_t place) {
  top();
  if (place >= kMostMemo) fail("too many values are kept for later");
  if (place >= memo_.size()) memo_.resize(place + 1, kNothing);
  memo_[place] = stack_.back();
}

void PickleMachine::recall(uint64_t place) {
  if (place >= memo_.size() || memo_[place] == kNothing) fail("no such value was kept");
  stack_.push_back(memo_[place]);
}

void PickleMachine::call() {
  const auto& arguments = values_[pop()];
  const auto& callee = values_[pop()];
  if (callee.kind != PickleKind::kClass || arguments.kind != PickleKind::kSequence)
    return push(object_of(callee.text));
  const auto& name = callee.text;
  const bool wraps = name.starts_with("torch._utils._rebuild_parameter") || name == "torch.Size" ||
                     name == "builtins.set" || name == "builtins.frozenset";
  if (wraps && !arguments.parts.empty()) return stack_.push_back(arguments.parts[0]);
  push(called(name, arguments.parts));
}

/// ('storage', class, key, device, size of it)
void PickleMachine::load_persistent() {
  const auto& parts = values_[pop()].parts;
  const bool is_storage = parts.size() >= 5 && values_[parts[0]].text == "storage";
  if (!is_storage) return push_kind(PickleKind::kObject, "persistent object");
  const auto& class_name = values_[parts[1]].text;
  const auto* const row =
      std::ranges::find(kStorages, class_name, &decltype(kStorages)::value_type::first);
  if (row == kStorages.end()) return push(object_of(class_name));
  PickledTensor storage;
  storage.storage = values_[parts[2]].text;
  storage.dtype = row->second;
  storage.storage_size = static_cast<uint64_t>(integer_of(parts[4]));
  if (storage.storage.size() > kLongestKey) fail("the name of a storage is too long");
  push(keep_tensor(std::move(storage), PickleKind::kStorage));
}

PickleValue PickleMachine::called(const std::string& name, const std::vector<PickleId>& arguments) {
  if (name == "collections.OrderedDict" || name == "collections.defaultdict" ||
      name == "builtins.dict")
    return dictionary_of(arguments);
  if (name == "torch._utils._rebuild_tensor_v2" || name == "torch._utils._rebuild_tensor")
    return tensor_of(arguments);
  const bool typed = name == "torch._tensor._rebuild_from_type_v2" && arguments.size() >= 3;
  if (typed && values_[arguments[0]].text.starts_with("torch._utils._rebuild_tensor"))
    return tensor_of(values_[arguments[2]].parts);
  return object_of(name);
}

/// Of nothing, or of pairs.
PickleValue PickleMachine::dictionary_of(const std::vector<PickleId>& arguments) {
  PickleValue dictionary;
  dictionary.kind = PickleKind::kDictionary;
  if (arguments.empty()) return dictionary;
  kept_bytes_ += 2 * sizeof(PickleId) * values_[arguments[0]].parts.size();
  for (const PickleId pair : values_[arguments[0]].parts)
    if (const auto& parts = values_[pair].parts; parts.size() == 2)
      dictionary.parts.insert(dictionary.parts.end(), parts.begin(), parts.end());
  return dictionary;
}

/// (storage, offset, shape, strides, ...)
PickleValue PickleMachine::tensor_of(const std::vector<PickleId>& arguments) {
  if (arguments.size() < 4) fail("expected the parts of a tensor");
  const auto& storage = values_[arguments[0]];
  if (storage.kind == PickleKind::kObject) return object_of(storage.text);
  if (storage.kind != PickleKind::kStorage) fail("expected the storage of a tensor");
  auto tensor = tensor_at(arguments[0]);
  tensor.offset = static_cast<uint64_t>(integer_of(arguments[1]));
  tensor.shape = extents_of(arguments[2]);
  tensor.strides = extents_of(arguments[3]);
  check_within_storage(tensor);
  return keep_tensor(std::move(tensor), PickleKind::kTensor);
}

PickleValue PickleMachine::keep_tensor(PickledTensor tensor, PickleKind kind) {
  if (tensors_.size() >= kMostTensors) fail("too many tensors");
  tensors_.push_back(std::move(tensor));
  PickleValue value;
  value.kind = kind;
  value.integer = static_cast<int64_t>(tensors_.size() - 1);
  return value;
}

void PickleMachine::check_within_storage(const PickledTensor& tensor) const {
  if (tensor.shape.size() != tensor.strides.size()) fail("expected a stride for each extent");
  const auto numbers = checked_product(tensor.shape);
  if (!numbers || *numbers > tensor.storage_size) fail("a tensor is larger than its storage");
  if (*numbers == 0) return;
  unsigned __int128 last = tensor.offset;
  for (size_t i = 0; i < tensor.shape.size(); ++i)
    last += static_cast<unsigned __int128>(tensor.shape[i] - 1) *
            static_cast<unsigned __int128>(tensor.strides[i]);
  if (last >= tensor.storage_size) fail("a tensor lies outside its storage");
}

int64_t PickleMachine::integer_of(PickleId id) const {
  const auto& value = values_[id];
  if (value.kind != PickleKind::kInteger || value.integer < 0) fail("expected a whole number");
  return value.integer;
}

std::vector<int64_t> PickleMachine::extents_of(PickleId id) const {
  const auto& value = values_[id];
  if (value.kind != PickleKind::kSequence || value.parts.size() > kMostExtents)
    fail("expected the extents of a tensor");
  std::vector<int64_t> extents;
  for (const PickleId part : value.parts)
    extents.push_back(integer_of(part));
  return extents;
}

}  // namespace ddpm
