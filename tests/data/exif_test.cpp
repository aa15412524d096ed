#include "ddpm/data/exif.h"

#include <gtest/gtest.h>

#include "ddpm/data/bytes.h"
#include "ddpm/data/image_io.h"
#include "support/data_files.h"

namespace ddpm {
namespace {

std::string big_endian(uint64_t value, size_t length) {
  std::string bytes;
  for (size_t i = length; i-- > 0;) {
    bytes.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
  }
  return bytes;
}

// EXIF data of one entry: a tag, the type of its value, their number, and four bytes.
std::string exif_of(uint64_t tag, uint64_t type, uint64_t count, const std::string& value,
                    uint64_t offset = 8, uint64_t entries = 1) {
  return std::string("MM\0*", 4) + big_endian(offset, 4) + big_endian(entries, 2) +
         big_endian(tag, 2) + big_endian(type, 2) + big_endian(count, 4) + value + big_endian(0, 4);
}

std::string short_value(uint64_t value) {
  return big_endian(value, 2) + std::string(2, '\0');
}

ReadAt reader(const std::string& bytes) {
  return [bytes](uint64_t offset, size_t length) {
    return offset < bytes.size() ? bytes.substr(offset, length) : std::string();
  };
}

TEST(Exif, TellsAllEightOrientations) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const auto value = static_cast<uint64_t>(orientation);
    EXPECT_EQ(exif_orientation(exif_of(274, 3, 1, short_value(value))), orientation);
    EXPECT_EQ(exif_orientation(exif_of(274, 4, 1, big_endian(value, 4))), orientation);
  }
}

TEST(Exif, IsReadInBothByteOrders) {
  const std::string little("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0", 26);
  EXPECT_EQ(exif_orientation(little), 6);
}

TEST(Exif, WhatIsBrokenOrTellsNothingIsUpright) {
  for (const std::string& exif :
       {std::string(), std::string("MM"), exif_of(274, 3, 1, short_value(0)),
        exif_of(274, 3, 1, short_value(9)), exif_of(274, 3, 1, short_value(65535)),
        exif_of(274, 2, 1, short_value(6)), exif_of(274, 3, 0, short_value(6)),
        exif_of(274, 3, 1U << 31, short_value(6)), exif_of(275, 3, 1, short_value(6)),
        exif_of(274, 3, 1, short_value(6), 0xFFFFFFFF), exif_of(274, 3, 1, short_value(6), 40),
        exif_of(275, 3, 1, short_value(6), 8, 65535), "XX" + exif_of(274, 3, 1, short_value(6))}) {
    EXPECT_EQ(exif_orientation(exif), 1);
  }
}

TEST(Exif, EveryCutIsUprightOrWhole) {
  const std::string exif = exif_of(274, 3, 1, short_value(6));
  for (size_t size = 0; size < 20; ++size) {
    EXPECT_EQ(exif_orientation(exif.substr(0, size)), 1) << size;
  }
  EXPECT_EQ(exif_orientation(exif.substr(0, 20)), 6);
}

TEST(Exif, ChunksThatLeadPastTheFileAreUpright) {
  const std::string signature = "\x89PNG\r\n\x1a\n";
  EXPECT_EQ(png_orientation(reader(signature)), 1);
  EXPECT_EQ(png_orientation(reader(signature + "\xFF\xFF\xFF\xFFIDAT")), 1);
  EXPECT_EQ(png_orientation(reader(signature + "\xFF\xFF\xFF\xFF" + "eXIf")), 1);
  const std::string webp = "RIFF\xFF\xFF\xFF\xFFWEBPVP8X\x0A" + std::string(3, '\0') + "\x08";
  EXPECT_EQ(webp_orientation(reader(webp + std::string(9, '\0') + "EXIF\xFF\xFF\xFF\xFF")), 1);
  EXPECT_EQ(webp_orientation(reader(webp)), 1);
}

TEST(Exif, InABrokenSegmentDoesNotStopAJpeg) {
  const std::string jpeg = jpeg_bytes(make_image(8, 16, 3));
  const auto plain = decode_image(jpeg, "x");
  for (const std::string exif : {"", "MM", "II*", "garbage"}) {
    const std::string content = std::string("Exif\0\0", 6) + exif;
    const std::string segment = "\xFF\xE1" + big_endian(content.size() + 2, 2) + content;
    EXPECT_EQ(decode_image(std::string(jpeg).insert(2, segment), "x").pixels, plain.pixels);
  }
}

}  // namespace
}  // namespace ddpm
