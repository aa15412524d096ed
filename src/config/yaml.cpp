#include "ddpm/config/yaml.h"

#include <algorithm>
#include <set>
#include <sstream>
#include <utility>
#include <vector>

#include <yaml-cpp/anchor.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "ddpm/config/setting_value.h"
#include "ddpm/config/settings.h"
#include "ddpm/config/synonyms.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

using Kind = RawValue::Kind;

constexpr size_t kMaxBytes = 1 << 20;
constexpr size_t kMaxDepth = 3;  // the document, a section, a list

std::string where(const std::string& name, int line) {
  return line > 0 ? name + ":" + std::to_string(line) : name;
}

/// Builds the tree of one document. It works on yaml-cpp's events because its nodes no longer show
/// anchors, tags and repeated keys.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  RawValue take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (std::exchange(started_, true)) fail(mark, "expected the end of the file, got more YAML");
  }

  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    check_anchor(mark, anchor);
    add({.kind = Kind::kNull, .line = mark.line + 1});
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    fail(mark, "aliases are not supported");
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    const bool quoted = tag == "!";  // so yaml-cpp marks scalars that are not plain
    check_anchor(mark, anchor);
    check_tag(mark, quoted ? "?" : tag);
    add({.kind = quoted ? Kind::kQuoted : Kind::kPlain, .text = value, .line = mark.line + 1});
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Kind::kList, mark, tag, anchor);
  }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Kind::kMap, mark, tag, anchor);
  }

  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  [[noreturn]] void fail(const YAML::Mark& mark, std::string_view what) const {
    throw UserError(where(name_, mark.line + 1), ": ", what);
  }

  void check_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) const {
    if (anchor != YAML::NullAnchor) fail(mark, "anchors are not supported");
  }

  /// The tag `!` alone reaches us like a quoted scalar; only the text tells.
  void check_tag(const YAML::Mark& mark, std::string_view tag) const {
    const auto position = static_cast<size_t>(mark.pos);
    const bool bare_tag = position < text_.size() && text_[position] == '!';
    if (tag != "?" || bare_tag) fail(mark, "tags are not supported");
  }

  void open(Kind kind, const YAML::Mark& mark, std::string_view tag, YAML::anchor_t anchor) {
    check_anchor(mark, anchor);
    check_tag(mark, tag);
    if (open_.size() == kMaxDepth) fail(mark, "nested too deeply");
    open_.push_back({.kind = kind, .line = mark.line + 1});
  }

  void close() {
    RawValue value = std::move(open_.back());
    open_.pop_back();
    add(std::move(value));
  }

  void add(RawValue value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else {
      open_.back().items.push_back(std::move(value));
    }
  }

  std::string_view text_;
  const std::string& name_;
  std::vector<RawValue> open_;
  RawValue root_;
  bool started_ = false;
};

void check_encoding(std::string_view text, const std::string& name) {
  if (text.size() > kMaxBytes) throw UserError(name, ": expected at most 1 MiB of settings");
  if (!is_utf8(text) || text.find('\0') != text.npos)
    throw UserError(name, ": expected YAML in UTF-8");
}

/// The first line, counted from 1, that has a tab before its first letter; 0 if there is none.
int indented_by_tab(std::string_view text) {
  int number = 0;
  for (const auto& line : split(text, '\n')) {
    ++number;
    const auto blanks = std::string_view(line).substr(0, line.find_first_not_of(" \t"));
    if (blanks.size() < line.size() && blanks.find('\t') != blanks.npos) return number;
  }
  return 0;
}

RawValue parse_yaml(std::string_view text, const std::string& name) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  check_encoding(text, name);
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  TreeBuilder builder(text, name);
  std::istringstream in{std::string(text)};
  try {
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    if (const int line = indented_by_tab(text); line > 0)
      throw UserError(where(name, line), ": a tab; YAML is indented by blanks alone");
    throw UserError(where(name, error.mark.line + 1), ": ", printable(error.msg));
  }
  return builder.take_root();
}

/// Applies a document's tree, section by section.
class TreeReader {
 public:
  TreeReader(Config& config, const std::string& name) : config_(config), name_(name) {}

  /// The keys of what was read.
  std::set<std::string> take_keys() { return std::move(keys_); }

  void read(const RawValue& root) {
    if (root.kind == Kind::kNull) return;
    if (root.kind != Kind::kMap) fail(root, "expected sections such as 'train:'");
    for (size_t i = 0; i < root.items.size(); i += 2)
      read_section(root.items[i], root.items[i + 1]);
  }

 private:
  template <typename... Parts>
  [[noreturn]] void fail(const RawValue& place, const Parts&... parts) const {
    throw UserError(where(name_, place.line), ": ", parts...);
  }

  void read_section(const RawValue& key, const RawValue& section) {
    const std::string name = new_key("", key);
    check_section(key, name);
    if (section.kind == Kind::kNull) return;  // nothing, or comments alone
    if (section.kind != Kind::kMap) fail(key, "section '", name, "' must hold settings");
    for (size_t i = 0; i < section.items.size(); i += 2) {
      const std::string path = new_key(name + ".", section.items[i]);
      const auto origin = where(name_, section.items[i].line);
      assign(find_setting(config_, path, origin), section.items[i + 1], origin);
      keys_.insert(path);
    }
  }

  /// The full name that `key` stands for, which must not have been seen yet.
  std::string new_key(const std::string& prefix, const RawValue& key) {
    if (key.kind != Kind::kPlain && key.kind != Kind::kQuoted) fail(key, "expected 'name: value'");
    std::string path = prefix + key.text;
    if (!seen_.insert(path).second) fail(key, "'", printable(path), "' is set twice");
    return path;
  }

  void check_section(const RawValue& key, const std::string& name) const {
    const auto known = section_names();
    if (std::ranges::find(known, name) != known.end()) return;
    if (const auto section = section_synonym(name); !section.empty())
      fail(key, "unknown section '", printable(name), "'; it is called '", section, "' here");
    if (const auto* const synonym = find_synonym(name))
      fail(key, "unknown section '", printable(name), "'; ", describe(*synonym),
           " (indented under '", synonym->key.substr(0, synonym->key.find('.')), ":')");
    const std::string setting = nearest_setting(name);
    if (setting == name || setting.ends_with("." + name))
      fail(key, "'", name, "' is outside its section, expected it indented under '",
           setting.substr(0, setting.find('.')), ":'");
    fail(key, "unknown section '", printable(name), "'; did you mean '",
         nearest(std::string_view(name).substr(0, 64), known), "'?");
  }

  Config& config_;
  const std::string& name_;
  std::set<std::string> seen_;
  std::set<std::string> keys_;
};

}  // namespace

std::set<std::string> apply_yaml(Config& config, std::string_view text, const std::string& name) {
  Config changed = config;
  TreeReader reader(changed, name);
  reader.read(parse_yaml(text, name));
  config = std::move(changed);
  return reader.take_keys();
}

std::string to_yaml(const Config& config) {
  Config copy = config;
  std::string text;
  std::string_view section;
  for (const auto& setting : settings(copy)) {
    const size_t dot = setting.key.find('.');
    if (setting.key.substr(0, dot) != section) {
      section = setting.key.substr(0, dot);
      text += std::string(section) + ":\n";
    }
    text += "  " + std::string(setting.key.substr(dot + 1)) + ": " + format_value(setting) + "\n";
  }
  return text;
}

Config load_config(const std::filesystem::path& path) {
  std::set<std::string> keys;
  return load_config(path, keys);
}

Config load_config(const std::filesystem::path& path, std::set<std::string>& keys) {
  std::string text;
  try {
    text = read_file(path, kMaxBytes);
  } catch (const DataError& error) {
    throw UserError(error.what());  // a settings file is no data
  }
  Config config;
  keys = apply_yaml(config, text, path.string());
  return config;
}

}  // namespace ddpm
