#include "ddpm/checkpoint/pickle.h"

#include "ddpm/checkpoint/pickle_machine.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

constexpr int kMostLevels = 48;
constexpr size_t kMostParts = 50'000;
constexpr size_t kLongestPath = 512;
constexpr size_t kLongestText = 64;

/// Writes down what a value holds, by the way to it.
class Walk {
 public:
  Walk(const PickleMachine& machine, PickleContent& content)
      : machine_(machine),
        content_(content) {}

  void visit(PickleId id, const std::string& path, int level) {
    if (++parts_ > kMostParts) machine_.fail("holds too many parts");
    if (level > kMostLevels) machine_.fail("is nested too deeply");
    if (path.size() > kLongestPath) machine_.fail("a name in it is too long");
    const auto& value = machine_.at(id);
    switch (value.kind) {
      case PickleKind::kTensor:
        content_.tensors.insert_or_assign(path, machine_.tensor_at(id));
        break;
      case PickleKind::kInteger:
        content_.texts.insert_or_assign(path, std::to_string(value.integer));
        break;
      case PickleKind::kNumber:
        content_.texts.insert_or_assign(path, format_number(value.number));
        break;
      case PickleKind::kText:
        if (value.text.size() <= kLongestText) content_.texts.insert_or_assign(path, value.text);
        break;
      case PickleKind::kObject:
        content_.objects.insert_or_assign(path, value.text);
        break;
      default:
        visit_parts(value, path.empty() ? path : path + ".", level + 1);
    }
  }

 private:
  void visit_parts(const PickleValue& value, const std::string& prefix, int level) {
    const auto& parts = value.parts;
    if (value.kind == PickleKind::kSequence)
      for (size_t i = 0; i < parts.size(); ++i)
        visit(parts[i], prefix + std::to_string(i), level);
    if (value.kind == PickleKind::kDictionary)
      for (size_t i = 0; i + 1 < parts.size(); i += 2)
        if (const auto name = name_of(parts[i]); !name.empty())
          visit(parts[i + 1], prefix + name, level);
  }

  /// What a key is called; empty if it is neither a text nor a number.
  std::string name_of(PickleId key) const {
    const auto& value = machine_.at(key);
    if (value.text.size() > kLongestPath) machine_.fail("a name in it is too long");
    if (value.kind == PickleKind::kInteger) return std::to_string(value.integer);
    return value.kind == PickleKind::kText ? value.text : "";
  }

  const PickleMachine& machine_;
  PickleContent& content_;
  size_t parts_ = 0;
};

}  // namespace

PickleContent parse_pickle(std::string_view bytes, const std::string& origin) {
  PickleMachine machine(bytes, origin);
  const PickleId root = machine.run();
  PickleContent content;
  content.bytes = machine.position();
  const auto& value = machine.at(root);
  if (value.kind == PickleKind::kSequence)
    for (const PickleId part : value.parts)
      content.list.push_back(machine.at(part).text);
  Walk(machine, content).visit(root, "", 0);
  return content;
}

}  // namespace ddpm
