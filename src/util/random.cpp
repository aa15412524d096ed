#include "ddpm/util/random.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace ddpm {
namespace {

using Block = std::array<uint32_t, 4>;

Block block_at(const RandomKey& key, uint64_t block) {
  // Blocks above 2^32 borrow the upper half of the purpose's word.
  const auto purpose = static_cast<uint32_t>(key.purpose) | static_cast<uint32_t>(block >> 32)
                                                                << 16;
  return philox4x32({static_cast<uint32_t>(block), static_cast<uint32_t>(key.index),
                     static_cast<uint32_t>(key.index >> 32), purpose},
                    {static_cast<uint32_t>(key.seed), static_cast<uint32_t>(key.seed >> 32)});
}

float unit_float(uint32_t bits) {
  return static_cast<float>(bits >> 8) * 0x1p-24F;
}

/// Two words to two standard normal numbers (Box and Muller).
void box_muller(uint32_t a, uint32_t b, float* out) {
  const float radius = std::sqrt(-2.0F * std::log((static_cast<float>(a) + 0.5F) * 0x1p-32F));
  const float angle = 2.0F * std::numbers::pi_v<float> * unit_float(b);
  out[0] = radius * std::cos(angle);
  out[1] = radius * std::sin(angle);
}

template <typename Convert>
void fill_blocks(const RandomKey& key, std::span<float> out, const Convert& convert) {
  std::array<float, 4> values{};
  for (size_t start = 0; start < out.size(); start += 4) {
    convert(block_at(key, start / 4), values);
    std::copy_n(values.begin(), std::min<size_t>(4, out.size() - start), out.data() + start);
  }
}

std::span<float> row(std::span<float> all, size_t i, size_t rows) {
  const size_t length = all.size() / rows;
  return all.subspan(i * length, length);
}

}  // namespace

Block philox4x32(Block counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t left = uint64_t{0xD2511F53} * counter[0];
    const uint64_t right = uint64_t{0xCD9E8D57} * counter[2];
    counter = {
        static_cast<uint32_t>(right >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(right),
        static_cast<uint32_t>(left >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(left)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

uint64_t random_bits(const RandomKey& key) {
  const Block block = block_at(key, 0);
  return uint64_t{block[1]} << 32 | block[0];
}

double random_uniform(const RandomKey& key) {
  return static_cast<double>(random_bits(key) >> 11) * 0x1p-53;
}

int64_t random_below(const RandomKey& key, int64_t bound) {
  return static_cast<int64_t>(random_uniform(key) * static_cast<double>(bound));
}

void fill_normal(const RandomKey& key, std::span<float> out) {
  fill_blocks(key, out, [](const Block& block, std::array<float, 4>& values) {
    box_muller(block[0], block[1], values.data());
    box_muller(block[2], block[3], values.data() + 2);
  });
}

void fill_uniform(const RandomKey& key, float low, float high, std::span<float> out) {
  fill_blocks(key, out, [&](const Block& block, std::array<float, 4>& values) {
    for (size_t i = 0; i < 4; ++i)
      values[i] = low + (high - low) * unit_float(block[i]);
  });
}

void fill_normal_rows(std::span<const RandomKey> keys, std::span<float> out) {
  for (size_t i = 0; i < keys.size(); ++i)
    fill_normal(keys[i], row(out, i, keys.size()));
}

void fill_uniform_rows(std::span<const RandomKey> keys, float low, float high,
                       std::span<float> out) {
  for (size_t i = 0; i < keys.size(); ++i)
    fill_uniform(keys[i], low, high, row(out, i, keys.size()));
}

std::vector<int64_t> random_permutation(const RandomKey& key, int64_t count) {
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), int64_t{0});
  for (int64_t i = count - 1; i > 0; --i) {  // Fisher and Yates
    const Block block = block_at(key, static_cast<uint64_t>(i));
    const uint64_t bits = uint64_t{block[1]} << 32 | block[0];
    const auto unit = static_cast<double>(bits >> 11) * 0x1p-53;
    std::swap(order[static_cast<size_t>(i)],
              order[static_cast<size_t>(unit * static_cast<double>(i + 1))]);
  }
  return order;
}

}  // namespace ddpm
