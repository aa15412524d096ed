#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "ddpm/config/config.h"
#include "ddpm/config/names.h"
#include "ddpm/config/sampler_traits.h"

namespace ddpm {

/// Whether a run that goes on from a checkpoint may change the setting.
enum class OnResume { kFixed, kFree };

/// The interval that a number, or each number of a list, must lie in. NaN and infinities lie in
/// none.
struct Range {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool above_min = false;  // `min` itself is excluded
  bool below_max = false;  // `max` itself is excluded
};

/// An enum member of `Config`, read and written by the words of `kNames`.
class EnumSlot {
 public:
  template <typename E>
  requires std::is_enum_v<E> EnumSlot(E* target)
      : target_(target),
        get_([](const void* member) { return to_name(*static_cast<const E*>(member)); }),
        set_([](void* member, std::string_view name) {
          const auto value = from_name<E>(name);
          if (value) *static_cast<E*>(member) = *value;
          return value.has_value();
        }),
        names_(all_names<E>) {}

  std::string_view get() const { return get_(target_); }
  /// False, and nothing changed, for an unknown word.
  bool set(std::string_view name) const { return set_(target_, name); }
  std::vector<std::string_view> names() const { return names_(); }

 private:
  void* target_;
  std::string_view (*get_)(const void*);
  bool (*set_)(void*, std::string_view);
  std::vector<std::string_view> (*names_)();
};

/// One number for a square, or height and width; null (an empty vector) for the size as stored.
struct ImageSizeSlot {
  std::vector<int64_t>* target;
};

/// A path, in which a `~/` at the beginning is the person's home.
struct PathSlot {
  std::string* target;
};

/// The member of `Config` that a setting stands for. A list of numbers may be empty; the others
/// may not.
using Slot = std::variant<bool*, int64_t*, double*, std::string*, std::optional<int64_t>*,
                          std::vector<int64_t>*, std::vector<double>*, std::vector<std::string>*,
                          ImageSizeSlot, PathSlot, EnumSlot>;

/// Whether a setting may differ from its default where it does not apply.
enum class Elsewhere { kRefused, kUnread };

/// Where a setting means something: on one process, with samplers of one trait, in one task. What
/// is left out plays no part.
struct Applies {
  std::optional<ProcessType> process = {};
  std::optional<SamplerTrait> sampler = {};
  std::optional<Task> task = {};
  Elsewhere elsewhere = Elsewhere::kRefused;
};

/// One row of the settings table: all that the program knows about one setting.
struct Setting {
  std::string_view key;  // "section.name": the path in YAML, and the flag
  Slot slot;
  OnResume on_resume;
  std::string_view help;                           // one sentence
  Range range = {};                                // of numbers
  std::span<const std::string_view> choices = {};  // of texts, and of whole numbers; empty: any
  Applies applies = {};
};

/// The settings table, bound to `config`: the only list of settings in the program. The rows of a
/// section stand together.
std::vector<Setting> settings(Config& config);

/// The sections of the table in its order: "data", "model", ...
std::vector<std::string> section_names();

/// The row of `key`. `UserError` `ORIGIN: unknown setting ...` that names the nearest key.
Setting find_setting(Config& config, std::string_view key, std::string_view origin);

/// Sets one setting from the text of a flag: "3", "null", "[1, 2]" or "1,2". `origin`
/// ("command line") begins the `UserError` for an unknown key and for a value that does not fit.
void set_setting(Config& config, std::string_view key, std::string_view text,
                 std::string_view origin);

/// The known key most like `key`; a name without its section ("batch_size") is looked for in every
/// section.
std::string nearest_setting(std::string_view key);

/// The value of a row as YAML writes it; reads back identically.
std::string format_value(const Setting& setting);

/// The help of a row, what it allows and where it applies: "Dropout probability. [at least 0, at
/// most 1]", "Standard deviation of the images. [above 0; process edm only]".
std::string describe(const Setting& setting);

/// A setting on which two configs differ, with its values as YAML writes them.
struct SettingChange {
  std::string key;
  std::string before;
  std::string after;
  OnResume on_resume;
};

/// Where `after` differs from `before`, in the order of the table.
std::vector<SettingChange> changed_settings(const Config& before, const Config& after);

}  // namespace ddpm
