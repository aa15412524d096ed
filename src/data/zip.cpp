#include "ddpm/data/zip.h"

#include <algorithm>
#include <set>
#include <utility>

#include "ddpm/data/bytes.h"
#include "ddpm/data/deflate.h"
#include "ddpm/util/crc32.h"
#include "ddpm/util/error.h"

namespace ddpm {
namespace {

// Signatures and the fixed parts of records (PKWARE's APPNOTE 6.3, section 4.3).
constexpr uint32_t kLocalSignature = 0x04034b50;
constexpr uint32_t kEntrySignature = 0x02014b50;
constexpr uint32_t kEndSignature = 0x06054b50;
constexpr uint32_t kEnd64Signature = 0x06064b50;
constexpr uint32_t kLocatorSignature = 0x07064b50;
constexpr size_t kLocalBytes = 30;
constexpr size_t kEntryBytes = 46;
constexpr size_t kEndBytes = 22;
constexpr size_t kEnd64Bytes = 56;
constexpr size_t kLocatorBytes = 20;
constexpr uint16_t kZip64Field = 1;
constexpr uint16_t kStored = 0;
constexpr uint16_t kDeflated = 8;
constexpr uint16_t kEncryptedFlag = 1;
constexpr uint16_t kUtf8Flag = 1 << 11;
constexpr uint32_t kDate1980 = 1 << 21 | 1 << 16;  // the first day and second zip can tell

// The zip64 field among an entry's extra fields; empty if there is none.
std::string_view zip64_field(std::string_view extra) {
  while (extra.size() >= 4) {
    const auto length = read_le<uint16_t>(extra, 2);
    const std::string_view field = extra.substr(4, length);
    if (read_le<uint16_t>(extra, 0) == kZip64Field) return field;
    extra.remove_prefix(4 + field.size());
  }
  return {};
}

// A value that does not fit into 32 bits stands in the zip64 field, in order.
void widen(uint64_t& value, std::string_view& field) {
  if (value != UINT32_MAX || field.size() < 8) return;
  value = read_le<uint64_t>(field, 0);
  field.remove_prefix(8);
}

size_t record_bytes(std::string_view record) {
  return kEntryBytes + read_le<uint16_t>(record, 28) + read_le<uint16_t>(record, 30) +
         read_le<uint16_t>(record, 32);
}

}  // namespace

ZipReader::ZipReader(std::string bytes, std::string name, uint64_t max_bytes)
    : bytes_(std::move(bytes)),
      name_(std::move(name)) {
  const Directory directory = find_directory();
  std::string_view records = slice(directory.offset, directory.size);
  for (uint64_t i = 0; i < directory.files; ++i) {
    if (records.size() < kEntryBytes || read_le<uint32_t>(records, 0) != kEntrySignature ||
        record_bytes(records) > records.size()) {
      throw DataError(name_, ": broken zip directory");
    }
    entries_.push_back(parse_entry(records.substr(0, record_bytes(records))));
    records.remove_prefix(record_bytes(records));
  }
  check_sizes(max_bytes);
}

std::string_view ZipReader::slice(uint64_t offset, uint64_t length) const {
  if (offset > bytes_.size() || length > bytes_.size() - offset) {
    throw DataError(name_, ": broken zip, a part lies outside the file");
  }
  return std::string_view(bytes_).substr(offset, length);
}

ZipReader::Directory ZipReader::find_directory() const {
  const std::string signature = "PK\x05\x06";
  const size_t end = bytes_.rfind(signature);
  if (end == std::string::npos || bytes_.size() - end < kEndBytes) {
    throw DataError(name_, bytes_.starts_with("\x93NUMPY")
                               ? ": is one array (.npy), not an archive of arrays (.npz)"
                               : ": not a zip file, or it ends early");
  }
  const bool has_locator =
      end >= kLocatorBytes && read_le<uint32_t>(bytes_, end - kLocatorBytes) == kLocatorSignature;
  if (!has_locator) {
    return {read_le<uint16_t>(bytes_, end + 10), read_le<uint32_t>(bytes_, end + 12),
            read_le<uint32_t>(bytes_, end + 16)};
  }
  const std::string_view end64 =
      slice(read_le<uint64_t>(bytes_, end - kLocatorBytes + 8), kEnd64Bytes);
  if (read_le<uint32_t>(end64, 0) != kEnd64Signature) {
    throw DataError(name_, ": broken zip64 directory");
  }
  return {read_le<uint64_t>(end64, 32), read_le<uint64_t>(end64, 40), read_le<uint64_t>(end64, 48)};
}

ZipEntry ZipReader::parse_entry(std::string_view record) const {
  const auto name_bytes = read_le<uint16_t>(record, 28);
  ZipEntry entry{std::string(record.substr(kEntryBytes, name_bytes)),
                 read_le<uint16_t>(record, 8),
                 read_le<uint16_t>(record, 10),
                 read_le<uint32_t>(record, 16),
                 read_le<uint32_t>(record, 20),
                 read_le<uint32_t>(record, 24),
                 read_le<uint32_t>(record, 42)};
  std::string_view field =
      zip64_field(record.substr(kEntryBytes + name_bytes, read_le<uint16_t>(record, 30)));
  widen(entry.size, field);
  widen(entry.packed_size, field);
  widen(entry.header_offset, field);
  return entry;
}

void ZipReader::check_sizes(uint64_t max_bytes) const {
  uint64_t left = max_bytes;
  std::set<std::string> names;
  for (const ZipEntry& entry : entries_) {
    if (!names.insert(entry.name).second) {
      throw DataError(name_, ": broken zip, two files are called ", entry.name);
    }
    if (entry.size > left) {
      throw DataError(name_, ": too large, expected at most ", max_bytes, " bytes when unpacked");
    }
    left -= entry.size;
  }
}

std::string ZipReader::read(const ZipEntry& entry) const {
  const std::string where = name_ + ": " + entry.name;
  if ((entry.flags & kEncryptedFlag) != 0) throw DataError(where, ": is encrypted");
  const std::string_view local = slice(entry.header_offset, kLocalBytes);
  if (read_le<uint32_t>(local, 0) != kLocalSignature) throw DataError(where, ": broken zip header");
  const uint64_t start = entry.header_offset + kLocalBytes + read_le<uint16_t>(local, 26) +
                         read_le<uint16_t>(local, 28);
  const std::string_view packed = slice(start, entry.packed_size);
  std::string content;
  if (entry.method == kDeflated) {
    content = inflate_bytes(packed, entry.size, where);
  } else if (entry.method == kStored && entry.size == entry.packed_size) {
    content = packed;
  } else {
    throw DataError(where, ": expected it stored or deflated, got method ", entry.method);
  }
  if (crc32_of(content) != entry.crc) throw DataError(where, ": broken, wrong checksum");
  return content;
}

void ZipWriter::add(const std::string& name, std::string_view content, bool compress) {
  ZipEntry entry{
      name,           kUtf8Flag,      compress ? kDeflated : kStored, crc32_of(content), 0,
      content.size(), archive_.size()};
  const std::string deflated = compress ? deflate_bytes(content) : std::string();
  const std::string_view packed = compress ? std::string_view(deflated) : content;
  entry.packed_size = packed.size();
  append_record(archive_, entry, false);
  archive_ += packed;
  entries_.push_back(std::move(entry));
}

// The header before a file's content, or its record in the directory, which tells the same.
void ZipWriter::append_record(std::string& out, const ZipEntry& entry, bool in_directory) const {
  const bool wide = std::max({entry.size, entry.packed_size, entry.header_offset}) >= zip64_from_;
  const uint16_t version = wide ? 45 : 20;
  const auto narrow = [wide](uint64_t value) {
    return wide ? UINT32_MAX : static_cast<uint32_t>(value);
  };
  append_le<uint32_t>(out, in_directory ? kEntrySignature : kLocalSignature);
  if (in_directory) append_le<uint16_t>(out, version);
  append_le<uint16_t>(out, version);
  append_le<uint16_t>(out, entry.flags);
  append_le<uint16_t>(out, entry.method);
  append_le<uint32_t>(out, kDate1980);
  append_le<uint32_t>(out, entry.crc);
  append_le<uint32_t>(out, narrow(entry.packed_size));
  append_le<uint32_t>(out, narrow(entry.size));
  append_le<uint16_t>(out, static_cast<uint16_t>(entry.name.size()));
  append_le<uint16_t>(out, wide ? (in_directory ? 28 : 20) : 0);
  if (in_directory) {
    out.append(10, '\0');  // comment, disk and attributes
    append_le<uint32_t>(out, narrow(entry.header_offset));
  }
  out += entry.name;
  if (!wide) return;
  append_le<uint16_t>(out, kZip64Field);
  append_le<uint16_t>(out, in_directory ? 24 : 16);
  append_le<uint64_t>(out, entry.size);
  append_le<uint64_t>(out, entry.packed_size);
  if (in_directory) append_le<uint64_t>(out, entry.header_offset);
}

std::string ZipWriter::finish() {
  const uint64_t offset = archive_.size();
  for (const ZipEntry& entry : entries_) {
    append_record(archive_, entry, true);
  }
  const uint64_t size = archive_.size() - offset;
  const uint64_t end = archive_.size();
  const bool wide = offset >= zip64_from_ || entries_.size() >= UINT16_MAX;
  if (wide) {
    append_le<uint32_t>(archive_, kEnd64Signature);
    append_le<uint64_t>(archive_, kEnd64Bytes - 12);
    append_le<uint32_t>(archive_, 45 << 16 | 45);
    append_le<uint64_t>(archive_, 0);  // disks
    append_le<uint64_t>(archive_, entries_.size());
    append_le<uint64_t>(archive_, entries_.size());
    append_le<uint64_t>(archive_, size);
    append_le<uint64_t>(archive_, offset);
    append_le<uint32_t>(archive_, kLocatorSignature);
    append_le<uint32_t>(archive_, 0);
    append_le<uint64_t>(archive_, end);
    append_le<uint32_t>(archive_, 1);
  }
  const auto files = static_cast<uint16_t>(wide ? UINT16_MAX : entries_.size());
  append_le<uint32_t>(archive_, kEndSignature);
  append_le<uint32_t>(archive_, 0);
  append_le<uint16_t>(archive_, files);
  append_le<uint16_t>(archive_, files);
  append_le<uint32_t>(archive_, wide ? UINT32_MAX : static_cast<uint32_t>(size));
  append_le<uint32_t>(archive_, wide ? UINT32_MAX : static_cast<uint32_t>(offset));
  append_le<uint16_t>(archive_, 0);
  return std::move(archive_);
}

}  // namespace ddpm
