#include "ddpm/data/npy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "ddpm/data/bytes.h"
#include "ddpm/util/checked_product.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kNpyMagic = "\x93NUMPY";
constexpr size_t kMaxRank = 32;
constexpr size_t kAlignment = 64;
constexpr std::array kTypes = {"b1"sv, "i1"sv, "u1"sv, "i2"sv, "u2"sv, "f2"sv,
                               "i4"sv, "u4"sv, "f4"sv, "i8"sv, "u8"sv, "f8"sv};

uint64_t item_size(std::string_view dtype) {
  return static_cast<uint64_t>(dtype.back() - '0');
}

struct NpyHeader {
  std::string descr;
  bool fortran_order = false;
  std::vector<int64_t> shape;
};

// Reads the Python dictionary of a header: three known keys with a string, a bool and a tuple.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& name) : rest_(text), name_(name) {}

  NpyHeader parse() {
    NpyHeader header;
    int seen = 0;
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      const int bit = read_value(key, header);
      if ((seen & bit) != 0) fail();
      seen |= bit;
      if (!accept(',') && peek() != '}') fail();
    }
    if (seen != 0b111 || peek() != '\0') fail();
    return header;
  }

 private:
  [[noreturn]] void fail() const { throw DataError(name_, ": broken .npy header"); }

  char peek() {
    const size_t start = rest_.find_first_not_of(" \t\n\r");
    rest_.remove_prefix(std::min(start, rest_.size()));
    return rest_.empty() ? '\0' : rest_.front();
  }

  bool accept(char c) {
    if (peek() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void expect(char c) {
    if (!accept(c)) fail();
  }

  std::string quoted() {
    const char quote = peek();
    if (quote == '[') throw DataError(name_, ": expected plain numbers, got a structured type");
    if (quote != '\'' && quote != '"') fail();
    const size_t end = rest_.find(quote, 1);
    if (end == std::string_view::npos) fail();
    std::string text(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return text;
  }

  bool boolean() {
    const std::string_view word = peek() == 'T' ? "True" : "False";
    if (!rest_.starts_with(word)) fail();
    rest_.remove_prefix(word.size());
    return word == "True";
  }

  int64_t number() {
    peek();
    int64_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc() || value < 0) fail();
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    accept('L');  // a long integer of Python 2
    return value;
  }

  std::vector<int64_t> tuple() {
    std::vector<int64_t> values;
    expect('(');
    while (!accept(')')) {
      values.push_back(number());
      if (values.size() > kMaxRank || (!accept(',') && peek() != ')')) fail();
    }
    return values;
  }

  // A bit for each key.
  int read_value(const std::string& key, NpyHeader& header) {
    if (key == "descr") {
      header.descr = quoted();
      return 0b001;
    }
    if (key == "fortran_order") {
      header.fortran_order = boolean();
      return 0b010;
    }
    if (key != "shape") fail();
    header.shape = tuple();
    return 0b100;
  }

  std::string_view rest_;
  const std::string& name_;
};

std::string plain_type(const std::string& descr, const std::string& name) {
  std::string type = descr.empty() ? "" : descr.substr(1);
  const bool known = std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
  const bool in_order = known && (descr[0] == '<' || descr[0] == '|' || item_size(type) == 1);
  if (!in_order) {
    throw DataError(name, ": expected little-endian numbers or booleans, got type '", descr, "'");
  }
  return type;
}

struct Preamble {
  size_t start;   // where the header's text begins
  size_t length;  // of the text
};

Preamble preamble(std::string_view file, const std::string& name) {
  if (file.starts_with("PK"))
    throw DataError(name, ": is an archive of arrays (.npz), expected one array (.npy)");
  if (file.size() < 10 || !file.starts_with(kNpyMagic)) throw DataError(name, ": not an .npy file");
  const int version = static_cast<uint8_t>(file[6]);
  if (version < 1 || version > 3) {
    throw DataError(name, ": expected .npy version 1 to 3, got ", version);
  }
  if (version == 1) return {10, read_le<uint16_t>(file, 8)};
  if (file.size() < 12) throw DataError(name, ": broken .npy file, it ends early");
  return {12, read_le<uint32_t>(file, 8)};
}

// Fortran order counts the first index fastest, C order the last one.
std::string to_c_order(std::string_view bytes, const std::vector<int64_t>& shape, size_t item) {
  std::vector<size_t> strides(shape.size(), item);
  for (size_t axis = 1; axis < shape.size(); ++axis) {
    strides[axis] = strides[axis - 1] * static_cast<size_t>(shape[axis - 1]);
  }
  std::string out;
  out.reserve(bytes.size());
  std::vector<int64_t> index(shape.size(), 0);
  size_t from = 0;
  while (out.size() < bytes.size()) {
    out += bytes.substr(from, item);
    for (size_t axis = shape.size(); axis-- > 0;) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * static_cast<size_t>(shape[axis]);
      index[axis] = 0;
    }
  }
  return out;
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::vector<std::string> words;
  words.reserve(shape.size());
  for (const int64_t extent : shape) {
    words.push_back(std::to_string(extent));
  }
  return "(" + join(words) + (words.size() == 1 ? ",)" : ")");
}

}  // namespace

NpyArray parse_npy(std::string_view file, const std::string& name) {
  const auto [start, length] = preamble(file, name);
  if (length > file.size() - start) throw DataError(name, ": broken .npy file, it ends early");
  const NpyHeader header = HeaderParser(file.substr(start, length), name).parse();
  NpyArray array{plain_type(header.descr, name), header.shape, {}};
  const std::string_view bytes = file.substr(start + length);
  const uint64_t item = item_size(array.dtype);
  const auto count = checked_product(header.shape);
  if (!count || bytes.size() % item != 0 || *count != bytes.size() / item) {
    throw DataError(name, ": broken .npy file, expected ", shape_text(header.shape), " numbers of ",
                    item, " bytes, got ", bytes.size(), " bytes");
  }
  const bool transpose = header.fortran_order && header.shape.size() > 1;
  array.bytes = transpose ? to_c_order(bytes, header.shape, item) : std::string(bytes);
  return array;
}

std::string format_npy(const NpyArray& array) {
  const char order = item_size(array.dtype) == 1 ? '|' : '<';
  std::string header = "{'descr': '" + (order + array.dtype) +
                       "', 'fortran_order': False, 'shape': " + shape_text(array.shape) + ", }";
  constexpr size_t kBefore = 10;
  const size_t used = kBefore + header.size() + 1;
  header.append((kAlignment - used % kAlignment) % kAlignment, ' ');
  header += '\n';
  std::string file(kNpyMagic);
  append_le<uint16_t>(file, 1);  // version 1.0
  append_le<uint16_t>(file, static_cast<uint16_t>(header.size()));
  return file + header + array.bytes;
}

NpzFile::NpzFile(const std::filesystem::path& path, uint64_t max_bytes)
    : name_(path.string()),
      zip_(read_file(path, max_bytes + (max_bytes >> 8) + (1 << 20)),  // of zip and of deflate
           name_, max_bytes) {
  for (const ZipEntry& entry : zip_.entries()) {
    if (!entry.name.ends_with(".npy")) {
      throw DataError(name_, ": expected only .npy files in it, got ", entry.name);
    }
    entries_[entry.name.substr(0, entry.name.size() - 4)] = &entry;
  }
}

std::vector<std::string> NpzFile::keys() const {
  std::vector<std::string> keys;
  for (const auto& [key, entry] : entries_) {
    keys.push_back(key);
  }
  return keys;
}

NpyArray NpzFile::read(const std::string& key) const {
  return parse_npy(zip_.read(*entries_.at(key)), name_ + ": " + key);
}

std::map<std::string, NpyArray> load_npz(const std::filesystem::path& path, uint64_t max_bytes) {
  const NpzFile file(path, max_bytes);
  std::map<std::string, NpyArray> arrays;
  for (const std::string& key : file.keys()) {
    arrays[key] = file.read(key);
  }
  return arrays;
}

std::string format_npz(const std::map<std::string, NpyArray>& arrays, bool compress) {
  ZipWriter zip;
  for (const auto& [key, array] : arrays) {
    zip.add(key + ".npy", format_npy(array), compress);
  }
  return zip.finish();
}

}  // namespace ddpm
