#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace ddpm {

/// What a random number is for. Part of its address, so that no two uses share numbers.
enum class RandomPurpose : uint32_t {
  kInitialWeights = 1,
  kShuffle = 2,
  kFlip = 3,
  kTimestep = 4,
  kTrainingNoise = 5,
  kLabelDropout = 6,
  kDropoutMask = 7,
  kInitialNoise = 8,
  kSamplerNoise = 9,
  kNoiseOffset = 20,
  kCleanImage = 21,
  kAugment = 22,
  kAugmentSize = 23,
  kEvaluationSubset = 30,
  kImageSubset = 31,
  kUniformImage = 32,
  kBoundNoise = 40,
  kBoundStep = 41,
  kDequantisation = 42,
  kTraceProbe = 43,
  kKnownNoise = 50,
};

/// Address of a stream of random numbers. The numbers are a pure function of the address and their
/// place in the stream: there is no state to save, and any order or batch gives the same.
struct RandomKey {
  uint64_t seed = 0;
  RandomPurpose purpose = RandomPurpose::kInitialWeights;
  uint64_t index = 0;  // step, image or parameter number, by purpose
};

/// One block of Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// The first 64 random bits of the stream.
uint64_t random_bits(const RandomKey& key);

/// Uniform in [0, 1), with 53 random bits.
double random_uniform(const RandomKey& key);

/// Uniform integer in [0, bound), without bias worth naming (bound < 2^32).
int64_t random_below(const RandomKey& key, int64_t bound);

/// Standard normal numbers; element i depends on `key` and i alone.
void fill_normal(const RandomKey& key, std::span<float> out);

/// Uniform numbers in [low, high); element i depends on `key` and i alone.
void fill_uniform(const RandomKey& key, float low, float high, std::span<float> out);

/// The same for rows of equal length, row i from `keys` [i], so that what is drawn for an image
/// does not depend on its neighbours.
void fill_normal_rows(std::span<const RandomKey> keys, std::span<float> out);
void fill_uniform_rows(std::span<const RandomKey> keys, float low, float high,
                       std::span<float> out);

/// A random order of 0 ... count-1.
std::vector<int64_t> random_permutation(const RandomKey& key, int64_t count);

}  // namespace ddpm
