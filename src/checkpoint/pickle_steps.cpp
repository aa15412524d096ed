#include <cstring>
#include <utility>

#include "ddpm/checkpoint/pickle_machine.h"

/// The operations of a pickle; see pickle_machine.cpp for the values that they work on.

namespace ddpm {
namespace {

constexpr size_t kMostOperations = 2'000'000;

/// Names of the operations that are known, as in Python's pickletools.
struct Code {
  enum : uint8_t {
    kMark = '(',
    kStop = '.',
    kPop = '0',
    kPopMark = '1',
    kDup = '2',
    kBinInt = 'J',
    kBinInt1 = 'K',
    kBinInt2 = 'M',
    kNoneCode = 'N',
    kBinPersId = 'Q',
    kReduce = 'R',
    kBinString = 'T',
    kShortBinString = 'U',
    kBinUnicode = 'X',
    kAppend = 'a',
    kBuild = 'b',
    kGlobal = 'c',
    kDict = 'd',
    kEmptyDict = '}',
    kAppends = 'e',
    kBinGet = 'h',
    kLongBinGet = 'j',
    kList = 'l',
    kEmptyList = ']',
    kBinPut = 'q',
    kLongBinPut = 'r',
    kSetItem = 's',
    kTuple = 't',
    kEmptyTuple = ')',
    kSetItems = 'u',
    kBinFloat = 'G',
    kBinBytes = 'B',
    kShortBinBytes = 'C',
    kProto = 0x80,
    kNewObj = 0x81,
    kTuple1 = 0x85,
    kTuple2 = 0x86,
    kTuple3 = 0x87,
    kNewTrue = 0x88,
    kNewFalse = 0x89,
    kLong1 = 0x8a,
    kLong4 = 0x8b,
    kShortBinUnicode = 0x8c,
    kBinUnicode8 = 0x8d,
    kBinBytes8 = 0x8e,
    kEmptySet = 0x8f,
    kAddItems = 0x90,
    kFrozenSet = 0x91,
    kNewObjEx = 0x92,
    kStackGlobal = 0x93,
    kMemoize = 0x94,
    kFrame = 0x95,
    kByteArray8 = 0x96
  };
};

}  // namespace

PickleId PickleMachine::run() {
  for (size_t count = 0; count < kMostOperations; ++count) {
    const auto code = static_cast<uint8_t>(take_number(1));
    if (code == Code::kStop) return pop();
    const bool known = step_value(code) || step_text(code) || step_container(code) ||
                       step_items(code) || step_stack(code) || step_memo(code) || step_object(code);
    if (!known) fail("operation " + std::to_string(code) + " is not known");
  }
  fail("too many operations");
}

bool PickleMachine::step_value(uint8_t code) {
  switch (code) {
    case Code::kNoneCode:
      push_kind(PickleKind::kNone);
      return true;
    case Code::kNewTrue:
    case Code::kNewFalse:
      push_integer(code == Code::kNewTrue ? 1 : 0);
      return true;
    case Code::kBinInt:
      push_integer(static_cast<int32_t>(take_number(4)));
      return true;
    case Code::kBinInt1:
      push_integer(static_cast<int64_t>(take_number(1)));
      return true;
    case Code::kBinInt2:
      push_integer(static_cast<int64_t>(take_number(2)));
      return true;
    case Code::kLong1:
      push_long(take(take_number(1)));
      return true;
    case Code::kLong4:
      push_long(take(take_number(4)));
      return true;
    case Code::kBinFloat: {
      const uint64_t bits = __builtin_bswap64(take_number(8));
      PickleValue value;
      value.kind = PickleKind::kNumber;
      std::memcpy(&value.number, &bits, sizeof(bits));
      push(std::move(value));
      return true;
    }
    default:
      return false;
  }
}

/// Bytes are never names or numbers that anybody wants here: they are passed over.
bool PickleMachine::step_text(uint8_t code) {
  switch (code) {
    case Code::kShortBinUnicode:
    case Code::kShortBinString:
      push_kind(PickleKind::kText, take(take_number(1)));
      return true;
    case Code::kBinUnicode:
    case Code::kBinString:
      push_kind(PickleKind::kText, take(take_number(4)));
      return true;
    case Code::kBinUnicode8:
      push_kind(PickleKind::kText, take(take_number(8)));
      return true;
    case Code::kShortBinBytes:
      take(take_number(1));
      push_kind(PickleKind::kObject, "bytes");
      return true;
    case Code::kBinBytes:
      take(take_number(4));
      push_kind(PickleKind::kObject, "bytes");
      return true;
    case Code::kBinBytes8:
    case Code::kByteArray8:
      take(take_number(8));
      push_kind(PickleKind::kObject, "bytes");
      return true;
    default:
      return false;
  }
}

bool PickleMachine::step_container(uint8_t code) {
  switch (code) {
    case Code::kEmptyDict:
      push_kind(PickleKind::kDictionary);
      return true;
    case Code::kEmptyList:
    case Code::kEmptyTuple:
    case Code::kEmptySet:
      push_kind(PickleKind::kSequence);
      return true;
    case Code::kList:
    case Code::kTuple:
    case Code::kFrozenSet:
      push_sequence(pop_to_mark());
      return true;
    case Code::kTuple1:
    case Code::kTuple2:
    case Code::kTuple3: {
      std::vector<PickleId> parts(static_cast<size_t>(code - Code::kTuple1) + 1);
      for (size_t i = parts.size(); i > 0; --i)
        parts[i - 1] = pop();
      push_sequence(std::move(parts));
      return true;
    }
    case Code::kDict: {
      const auto parts = pop_to_mark();
      push_kind(PickleKind::kDictionary);
      set_items(parts);
      return true;
    }
    default:
      return false;
  }
}

bool PickleMachine::step_items(uint8_t code) {
  switch (code) {
    case Code::kAppend:
      append({pop()});
      return true;
    case Code::kAppends:
    case Code::kAddItems:
      append(pop_to_mark());
      return true;
    case Code::kSetItem: {
      const PickleId value = pop();
      const PickleId key = pop();
      set_items({key, value});
      return true;
    }
    case Code::kSetItems:
      set_items(pop_to_mark());
      return true;
    default:
      return false;
  }
}

bool PickleMachine::step_stack(uint8_t code) {
  switch (code) {
    case Code::kProto:
      if (const auto version = take_number(1); version > 5)
        fail("protocol " + std::to_string(version) + " is not known");
      return true;
    case Code::kFrame:
      take(8);
      return true;
    case Code::kMark:
      marks_.push_back(stack_.size());
      return true;
    case Code::kPop:
      pop();
      return true;
    case Code::kPopMark:
      pop_to_mark();
      return true;
    case Code::kDup:
      top();
      stack_.push_back(stack_.back());
      return true;
    default:
      return false;
  }
}

bool PickleMachine::step_memo(uint8_t code) {
  switch (code) {
    case Code::kBinPut:
      memoize(take_number(1));
      return true;
    case Code::kLongBinPut:
      memoize(take_number(4));
      return true;
    case Code::kMemoize:
      memoize(memo_.size());
      return true;
    case Code::kBinGet:
      recall(take_number(1));
      return true;
    case Code::kLongBinGet:
      recall(take_number(4));
      return true;
    default:
      return false;
  }
}

bool PickleMachine::step_object(uint8_t code) {
  switch (code) {
    case Code::kGlobal: {
      const auto module = take_line();
      push_class(module, take_line());
      return true;
    }
    case Code::kStackGlobal: {
      const auto name = values_[pop()].text;
      const auto module = values_[pop()].text;
      push_class(module, name);
      return true;
    }
    case Code::kReduce:
    case Code::kNewObj:
      call();
      return true;
    case Code::kNewObjEx:
      pop();
      call();
      return true;
    case Code::kBuild:
      pop();
      top();
      return true;
    case Code::kBinPersId:
      load_persistent();
      return true;
    default:
      return false;
  }
}

}  // namespace ddpm
