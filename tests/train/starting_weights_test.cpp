#include "ddpm/train/starting_weights.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/config/network_config.h"
#include "ddpm/model/unet.h"
#include "tests/support/training.h"

namespace ddpm {
namespace {

using Labels = std::vector<std::optional<int64_t>>;

constexpr const char* kTable = "class_embedding.weight";

Signature named(std::vector<std::string> names, bool null) {
  Signature signature;
  signature.classes = static_cast<int64_t>(names.size());
  signature.class_names = std::move(names);
  if (null) signature.null_label = signature.classes;
  return signature;
}

Signature numbered(int64_t classes, bool null) {
  Signature signature;
  signature.classes = classes;
  if (null) signature.null_label = classes;
  return signature;
}

/// A small U-Net of these classes.
Network network_of(const Signature& classes) {
  auto config = network_config(tiny_config());
  config.signature = classes;
  config.signature.data_channels = config.signature.in_channels = 1;
  config.signature.out_channels = 1;
  return UNet(config).ptr();
}

NamedTensors weights_of(const Network& network) {
  NamedTensors weights;
  for (const auto& parameter : network->named_parameters())
    weights[parameter.key()] = parameter.value().detach().clone();
  return weights;
}

TEST(MatchingLabels, GoByName) {
  const auto same =
      matching_labels(named({"coat", "bag", "hat"}, true), named({"hat", "coat", "cap"}, true));
  EXPECT_EQ(same, (Labels{2, 0, std::nullopt, 3}));
}

TEST(MatchingLabels, GoByNumberWhereNeitherHasNames) {
  EXPECT_EQ(matching_labels(numbered(2, true), numbered(3, true)), (Labels{0, 1, std::nullopt, 2}));
  EXPECT_EQ(matching_labels(numbered(3, false), numbered(2, true)), (Labels{0, 1, std::nullopt}));
}

TEST(MatchingLabels, NamesThatOneSideLacksNeedTheSameNumber) {
  EXPECT_EQ(matching_labels(numbered(2, false), named({"a", "b"}, false)), (Labels{0, 1}));
  EXPECT_EQ(matching_labels(numbered(5, false), named({"a", "b"}, false)),
            (Labels{std::nullopt, std::nullopt}));
}

TEST(MatchingLabels, TheLastRowThatDiffusersForgotMeansNoClass) {
  EXPECT_EQ(matching_labels(numbered(3, false), named({"a", "b"}, true)), (Labels{0, 1, 2}));
}

TEST(AdaptClasses, KeepsTheRowsOfClassesThatBothKnow) {
  const auto from = named({"coat", "bag"}, true);
  const auto weights = weights_of(network_of(from));
  const auto& old = weights.at(kTable);
  const auto network = network_of(named({"hat", "coat"}, true));
  const auto adapted = adapt_classes(weights, from, *network);
  const auto& table = adapted.at(kTable);
  ASSERT_EQ(table.size(0), 3);
  EXPECT_TRUE(table[0].equal(old[2]));  // new: as "no class" was
  EXPECT_TRUE(table[1].equal(old[0]));
  EXPECT_TRUE(table[2].equal(old[2]));
  EXPECT_TRUE(adapted.at("conv_in.weight").equal(weights.at("conv_in.weight")));
}

TEST(AdaptClasses, WithoutARowForNoClassANewOneIsTheMean) {
  const auto from = named({"coat", "bag"}, false);
  const auto weights = weights_of(network_of(from));
  const auto adapted = adapt_classes(weights, from, *network_of(named({"hat"}, false)));
  EXPECT_TRUE(adapted.at(kTable)[0].equal(weights.at(kTable).mean(0)));
}

TEST(AdaptClasses, ClassesCanComeAndGo) {
  const auto classes = named({"coat", "bag"}, true);
  const auto with = network_of(classes);
  const auto without = network_of({});
  const auto added = adapt_classes(weights_of(without), {}, *with);
  EXPECT_EQ(added.at(kTable).abs().max().item<double>(), 0.0);
  EXPECT_EQ(added.size(), with->named_parameters().size());
  const auto removed = adapt_classes(weights_of(with), classes, *without);
  EXPECT_EQ(removed.size(), without->named_parameters().size());
}

}  // namespace
}  // namespace ddpm
