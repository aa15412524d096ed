#include "ddpm/checkpoint/pickle.h"

#include <gtest/gtest.h>

#include "ddpm/data/zip.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "tests/support/expect_error.h"

namespace ddpm {
namespace {

using std::string_literals::operator""s;
using Texts = std::map<std::string, std::string>;

/// The pickle in a file of `torch.save`.
std::string pickle_in(const std::string& name) {
  const auto bytes = read_file(std::string(DDPM_TEST_DATA) + "/convert/" + name);
  const ZipReader zip(bytes, name, bytes.size());
  for (const auto& entry : zip.entries())
    if (entry.name.ends_with("data.pkl")) return zip.read(entry);
  return "";
}

void refused(const std::string& pickle, const std::string& text) {
  expect_error<CheckpointError>([&] { parse_pickle(pickle, "x"); }, text);
}

TEST(Pickle, TensorsAreFoundByTheWayToThem) {
  const auto content = parse_pickle(pickle_in("guided_new_order.ckpt"), "x");
  const auto& tensor = content.tensors.at("state_dict.model._orig_mod.input_blocks.0.0.weight");
  EXPECT_EQ(tensor.shape, (std::vector<int64_t>{32, 3, 3, 3}));
  EXPECT_EQ(tensor.strides, (std::vector<int64_t>{27, 9, 3, 1}));
  EXPECT_EQ(tensor.dtype, "F16");
  EXPECT_EQ(tensor.storage_size, 864U);
  EXPECT_EQ(content.texts.at("epoch"), "3");
  EXPECT_EQ(content.texts.at("pytorch-lightning_version"), "2.1.0");
  EXPECT_EQ(content.texts.at("optimizer_states.0.param_groups.0.lr"), "0.0001");
}

TEST(Pickle, OtherClassesAreNamedAndNotRun) {
  const auto content = parse_pickle(pickle_in("evil.pt"), "x");
  EXPECT_EQ(content.objects, (Texts{{"callback", "__builtin__.print"}}));
  EXPECT_EQ(content.tensors.size(), 1U);
  const auto call = parse_pickle(
      "\x80\x02"
      "cos\nsystem\nX\x02\0\0\0ls\x85R."s,
      "x");
  EXPECT_EQ(call.objects, (Texts{{"", "os.system"}}));
}

TEST(Pickle, ValuesOfEveryKindAreRead) {
  const auto content = parse_pickle(
      "\x80\x04}(\x8c\x01"
      "aK\x05\x8c\x01"
      "bM\1\2\x8c\x01"
      "cJ\xff\xff\xff\xff"
      "\x8c\x01"
      "d\x88\x8c\x01"
      "eG?\xe0\0\0\0\0\0\0\x8c\x01"
      "f\x8a\x02\0\xff\x8c\x01"
      "gN\x8c\x01h]\x94(K\1K\2e\x8c\x01"
      "ih\0K\7K\x09u."s,
      "x");
  EXPECT_EQ(content.texts, (Texts{{"a", "5"},
                                  {"b", "513"},
                                  {"c", "-1"},
                                  {"d", "1"},
                                  {"e", "0.5"},
                                  {"f", "-256"},
                                  {"h.0", "1"},
                                  {"h.1", "2"},
                                  {"i.0", "1"},
                                  {"i.1", "2"},
                                  {"7", "9"}}));
}

TEST(Pickle, ThatHoldsItselfOrNestsDeeplyIsRefused) {
  refused("\x80\x02]q\0h\0a."s, "nested too deeply");
  refused("\x80\x02" + std::string(100, ']') + std::string(99, 'a') + ".", "nested too deeply");
  std::string doubling = "\x80\x02]q\0"s;
  for (int i = 0; i < 40; ++i)
    doubling += "h\0h\0\x86q\0"s;
  refused(doubling + ".", "too many parts");
}

TEST(Pickle, DamagedOnesAreRefused) {
  refused("", "cut off");
  refused("\x80\x09.", "protocol 9");
  refused("\x80\x02.", "expected a value");
  refused(
      "\x80\x02X\xff\xff\xff\x7f"
      "a.",
      "cut off");
  refused("\x80\x02]K\1s.", "expected a value");
  refused("\x80\x02K\1]K\1s.", "expected a dictionary");
  refused("\x80\x02(K\1e.", "expected a value");
  refused("\x80\x02}(K\1u.", "a value for each key");
  refused("\x80\x02h\5."s, "no such value");
  refused("\x80\x02Nr\xff\xff\xff\x7f.", "kept for later");
  refused(
      "\x80\x02"
      "cos\nsystem",
      "name of a class");
  refused("\x80\x02I5\n.", "operation 73");
  for (size_t length = 0; length < 270; length += 7)
    refused(pickle_in("evil.pt").substr(0, length), "pickle, byte");
}

/// A tensor of 4 numbers with these parts behind the storage.
std::string tensor_pickle(const std::string& parts) {
  return "\x80\x02"
         "ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\n"
         "X\1\0\0\0"
         "0X\3\0\0\0cpuK\4tQ"s +
         parts + "tR.";
}

TEST(Pickle, TensorsLieWithinTheirStorages) {
  const auto content = parse_pickle(tensor_pickle("K\1K\3\x85K\1\x85"), "x");
  EXPECT_EQ(content.tensors.at("").offset, 1U);
  for (const auto* parts :
       {"K\2K\3\x85K\1\x85", "K\1K\3\x85K\2\x85", "K\5K\1\x85K\1\x85", "K\1K\5\x85)",
        "K\1J\xff\xff\xff\xff\x85K\1\x85", "K\1K\3\x85K\1K\1\x86"})
    refused(tensor_pickle(parts), "pickle, byte");
  refused(tensor_pickle("K\0K\x10\x85K\0\x85"s), "larger than its storage");
  EXPECT_EQ(parse_pickle(tensor_pickle("K\0))"s), "x").tensors.at("").shape.size(), 0U);
}

}  // namespace
}  // namespace ddpm
