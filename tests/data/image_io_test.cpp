#include "ddpm/data/image_io.h"

#include <cmath>
#include <filesystem>
#include <stdexcept>

#include <gtest/gtest.h>
#include <zlib.h>

#include "ddpm/data/bytes.h"
#include "ddpm/data/image_check.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "support/data_files.h"
#include "support/temp_dir.h"

namespace ddpm {
namespace {

std::string decode_error(const std::string& bytes) {
  return error_of<DataError>([&] { decode_image(bytes, "x.png"); });
}

// Sets the size in a PNG's header and mends its checksum.
std::string with_size(std::string png, uint32_t height, uint32_t width) {
  std::string size;
  append_be32(size, width);
  append_be32(size, height);
  png.replace(16, 8, size);
  std::string checksum;
  append_be32(checksum, static_cast<uint32_t>(crc32(0, reinterpret_cast<Bytef*>(&png[12]), 17)));
  return png.replace(29, 4, checksum);
}

TEST(ImageIo, PngRoundTripKeepsEveryPixel) {
  for (const int64_t channels : {1, 3}) {
    const Image image = make_image(7, 13, channels);
    const Image back = decode_image(encode_png(image), "x");
    EXPECT_EQ(back.height, 7);
    EXPECT_EQ(back.width, 13);
    EXPECT_EQ(back.channels, channels);
    EXPECT_EQ(back.pixels, image.pixels);
  }
}

TEST(ImageIo, BmpIsExactAndJpegIsClose) {
  const Image image = make_image(16, 24, 3);
  EXPECT_EQ(decode_image(bmp_bytes(image), "x").pixels, image.pixels);
  const Image jpeg = decode_image(jpeg_bytes(image), "x");
  ASSERT_EQ(jpeg.pixels.size(), image.pixels.size());
  double error = 0;
  for (size_t i = 0; i < image.pixels.size(); ++i) {
    error += std::abs(jpeg.pixels[i] - image.pixels[i]);
  }
  EXPECT_LT(error / static_cast<double>(image.pixels.size()), 6);
}

TEST(ImageIo, ChannelsAreConvertedOnRequest) {
  const std::string png = encode_png(make_image(4, 4, 3));
  EXPECT_EQ(decode_image(png, "x", 1).pixels, convert_channels(make_image(4, 4, 3), 1).pixels);
  EXPECT_EQ(decode_image(encode_png(make_image(4, 4, 1)), "x", 3).channels, 3);
}

TEST(ImageIo, TransparencyIsLaidOverWhite) {
  const std::string png = rgba_png_bytes(1, 3, {10, 20, 30, 255, 10, 20, 30, 0, 0, 0, 0, 128});
  const Image image = decode_image(png, "x");
  EXPECT_EQ(image.channels, 3);
  EXPECT_EQ(image.pixels, (std::vector<uint8_t>{10, 20, 30, 255, 255, 255, 127, 127, 127}));
}

TEST(ImageIo, ProbeTellsTheSize) {
  const ImageSize grey{5, 9, 1};
  EXPECT_EQ(probe_image(encode_png(make_image(5, 9, 1)), "x"), grey);
  const ImageSize colour{5, 9, 3};
  EXPECT_EQ(probe_image(jpeg_bytes(make_image(5, 9, 3)), "x"), colour);
  EXPECT_EQ(probe_image(bmp_bytes(make_image(5, 9, 3)), "x"), colour);
}

TEST(ImageIo, ProbeOfAFileNeedsOnlyItsHead) {
  const TempDir folder;
  const std::string png = encode_png(make_image(5, 9, 3));
  const ImageSize size{5, 9, 3};
  EXPECT_EQ(probe_image_file(folder.write("a.png", png.substr(0, 60))), size);
}

TEST(ImageIo, AHeaderBehindALongPreambleIsFound) {
  const TempDir folder;
  std::string jpeg = jpeg_bytes(make_image(8, 8, 3));
  const std::string comment = "\xFF\xFE\xFF\xFF" + std::string(0xFFFD, 'x');
  jpeg.insert(2, comment + comment);
  const ImageSize size{8, 8, 3};
  EXPECT_EQ(probe_image_file(folder.write("a.jpg", jpeg)), size);
}

TEST(ImageIo, OtherFilesAreRefused) {
  EXPECT_TRUE(contains(decode_error(""), "x.png: an empty file, expected PNG"));
  for (const std::string bytes : {"GIF8", "text", "\x89PN", "RIFF....WAVE"}) {
    EXPECT_TRUE(contains(decode_error(bytes), "x.png: not an image")) << bytes;
  }
}

TEST(ImageIo, EveryCutOfAPngIsRefused) {
  const std::string png = encode_png(make_image(6, 6, 3));
  for (size_t size = 0; size < png.size(); ++size) {
    EXPECT_TRUE(decode_error(png.substr(0, size)).starts_with("x.png: ")) << size;
  }
}

TEST(ImageIo, EveryCutOfAJpegAndABmpIsRefused) {
  for (const std::string& whole :
       {jpeg_bytes(make_image(9, 9, 3)), bmp_bytes(make_image(9, 9, 3))}) {
    for (size_t size = 0; size < whole.size(); ++size) {
      EXPECT_TRUE(decode_error(whole.substr(0, size)).starts_with("x.png: ")) << size;
    }
  }
}

TEST(ImageIo, EveryFlippedByteOfAPngIsRefused) {
  const std::string png = encode_png(make_image(6, 6, 3));
  for (size_t at = 0; at < png.size(); ++at) {
    std::string broken = png;
    broken[at] = static_cast<char>(broken[at] ^ 0x55);
    EXPECT_NE(decode_error(broken), "") << at;
  }
}

TEST(ImageIo, FlippedBytesOfAJpegOrABmpNeverCrash) {
  for (const std::string& whole :
       {jpeg_bytes(make_image(9, 9, 3)), bmp_bytes(make_image(9, 9, 3))}) {
    for (size_t at = 0; at < whole.size(); ++at) {
      std::string broken = whole;
      broken[at] = static_cast<char>(broken[at] ^ 0xFF);
      decode_error(broken);
    }
  }
}

TEST(ImageIo, HostileSizesAreRefusedBeforeDecoding) {
  const std::string png = encode_png(make_image(6, 6, 3));
  EXPECT_TRUE(contains(decode_error(with_size(png, 15000, 16000)), "got 16000 x 15000"));
  EXPECT_NE(decode_error(with_size(png, 1, 70000)), "");
  EXPECT_NE(decode_error(with_size(png, 60000, 60000)), "");
  EXPECT_NE(decode_error(with_size(png, 0, 5)), "");
  EXPECT_NE(decode_error(with_size(png, 7, 7)), "");
}

TEST(ImageIo, LargeFilesAreRefused) {
  std::string png = encode_png(make_image(2, 2, 1));
  png.resize(8 * 100 + 1);
  const auto error = error_of<DataError>([&] { decode_image(png, "x", 0, {.pixels = 100}); });
  EXPECT_EQ(error,
            "x: too large, expected a file of at most 800 bytes, got 801; make the image "
            "smaller or raise data.max_image_pixels");
}

TEST(ImageIo, LargeImagesAreRefusedBeforeDecodingWithTheSettingThatAllowsThem) {
  const TempDir folder;
  const auto file = folder.write("a.png", encode_png(make_image(20, 30, 3)));
  for (const auto& error :
       {error_of<DataError>([&] { load_image(file, 0, {.pixels = 599}); }),
        error_of<DataError>([&] { probe_image_file(file, {.pixels = 599}); })}) {
    EXPECT_TRUE(contains(error,
                         "at most 599 pixels, got 30 x 20; make the image smaller or raise "
                         "data.max_image_pixels"))
        << error;
  }
  EXPECT_EQ(load_image(file, 0, {.pixels = 600}).width, 30);
}

TEST(ImageIo, MissingFilesAreNamed) {
  const auto error = error_of<DataError>([] { load_image("/no/such.png"); });
  EXPECT_TRUE(contains(error, "/no/such.png"));
}

TEST(PngText, RoundTrip) {
  const ImageText text = {{"seed", "17"}, {"class", "h\xC3\xA9ron"}, {"empty", ""}};
  const std::string png = encode_png(make_image(3, 3, 3), text);
  EXPECT_EQ(png_text(png), text);
  EXPECT_EQ(decode_image(png, "x").pixels, make_image(3, 3, 3).pixels);
  EXPECT_TRUE(contains(png, "tEXtseed"));
  EXPECT_TRUE(contains(png, "iTXtclass"));
}

TEST(PngText, KeysAndTextsThatPngCannotHoldAreABrokenContract) {
  const std::string nul("a\0b", 3);
  for (const auto& [key, value] :
       ImageText{{"", "x"}, {std::string(80, 'k'), "x"}, {"\xC3\xA9", "x"}, {"k", nul}}) {
    EXPECT_THROW(encode_png(make_image(1, 1, 1), {{key, value}}), std::invalid_argument);
  }
}

TEST(PngText, BrokenFilesAreRefused) {
  EXPECT_THROW(png_text("no"), DataError);
  EXPECT_THROW(png_text(encode_png(make_image(1, 1, 1)).substr(0, 40)), DataError);
}

TEST(EncodePng, RefusesPixelsThatDoNotFit) {
  EXPECT_THROW(encode_png({2, 2, 3, {1, 2, 3}}), std::invalid_argument);
  EXPECT_THROW(encode_png({0, 0, 3, {}}), std::invalid_argument);
}

TEST(ImageCheck, OverlongJpegTablesAreRefused) {
  std::string jpeg = jpeg_bytes(make_image(8, 8, 3));
  const size_t table = jpeg.find("\xFF\xC4");
  ASSERT_NE(table, std::string::npos);
  jpeg[table + 5] = '\xFF';
  jpeg[table + 6] = '\xFF';
  EXPECT_TRUE(contains(decode_error(jpeg), "broken JPEG"));
}

// libjpeg takes a pass over all blocks for each scan, and each may have ten bytes.
TEST(ImageCheck, JpegsOfManyScansAreRefused) {
  std::string jpeg = jpeg_bytes(make_image(8, 8, 3));
  const size_t scan = jpeg.find("\xFF\xDA");
  ASSERT_NE(scan, std::string::npos);
  const auto header = jpeg.substr(scan, 2 + 12);
  std::string scans;
  for (int i = 0; i < 99; ++i)
    scans += header;
  EXPECT_NO_THROW(check_complete(std::string(jpeg).insert(scan, scans), {}, "x"));
  EXPECT_TRUE(contains(decode_error(jpeg.insert(scan, scans + header)), "at most 100 scans"));
}

// They are read before the size is known.
TEST(ImageCheck, OverlongJpegTablesBeforeTheFrameAreRefusedByTheProbe) {
  const TempDir folder;
  std::string jpeg = jpeg_bytes(make_image(8, 8, 3));
  jpeg.insert(2, std::string("\xFF\xC4\0\x13\x13", 5) + std::string(16, '\xFF'));
  const auto file = folder.write("x.jpg", jpeg);
  EXPECT_TRUE(contains(error_of<DataError>([&] { probe_image(jpeg, "x"); }), "broken JPEG"));
  EXPECT_TRUE(contains(error_of<DataError>([&] { probe_image_file(file); }), "broken JPEG"));
}

TEST(ImageCheck, ThumbnailsDoNotHideAnEarlyEnd) {
  const std::string thumbnail = jpeg_bytes(make_image(8, 8, 3));
  const std::string whole = jpeg_bytes(make_image(16, 16, 3));
  std::string segment = "\xFF\xE1";
  segment += static_cast<char>((thumbnail.size() + 2) >> 8);
  segment += static_cast<char>((thumbnail.size() + 2) & 0xFF);
  const std::string jpeg = whole.substr(0, 2) + segment + thumbnail + whole.substr(2);
  EXPECT_NO_THROW(check_complete(jpeg, {}, "x"));
  EXPECT_THROW(check_complete(jpeg.substr(0, jpeg.size() - 40), {}, "x"), DataError);
}

TEST(ImageCheck, PixelsThatThePngCannotHoldAreRefusedBeforeMemoryIsTaken) {
  const std::string png = encode_png(make_image(6, 6, 3));
  EXPECT_TRUE(contains(decode_error(with_size(png, 8000, 8000)), "too few bytes for its size"));
}

// Sets the size in a JPEG's header.
std::string jpeg_with_size(std::string jpeg, int height, int width, char frame = '\xC0') {
  const size_t at = jpeg.find("\xFF\xC0");
  jpeg[at + 1] = frame;
  for (const auto& [offset, side] : {std::pair(5, height), std::pair(7, width)}) {
    jpeg[at + static_cast<size_t>(offset)] = static_cast<char>(side >> 8);
    jpeg[at + static_cast<size_t>(offset) + 1] = static_cast<char>(side & 0xFF);
  }
  return jpeg;
}

TEST(ImageCheck, PixelsThatTheJpegCannotHoldAreRefusedBeforeMemoryIsTaken) {
  const std::string jpeg = jpeg_bytes(make_image(8, 8, 3));
  EXPECT_EQ(decode_error(jpeg_with_size(jpeg, 8, 8)), "");
  EXPECT_TRUE(contains(decode_error(jpeg_with_size(jpeg, 8000, 8000)), "too few bytes"));
}

TEST(ImageCheck, ImagesThatTakeTooMuchMemoryToDecodeAreRefused) {
  std::string jpeg = jpeg_bytes(make_image(8, 8, 3));
  const std::string comment = "\xFF\xFE\xFF\xFF" + std::string(0xFFFD, 'x');
  for (int i = 0; i < 2; ++i)
    jpeg.insert(2, comment);
  EXPECT_TRUE(contains(decode_error(jpeg_with_size(jpeg, 7000, 7000, '\xC2')), "bytes to decode"));
}

TEST(ImageCheck, GifsAreWholeAsFarAsTheFirstFrame) {
  const std::string gif = read_file(std::filesystem::path(DDPM_TEST_DATA) / "images/animated.gif");
  const Image image = decode_image(gif, "x");
  size_t whole = gif.size();
  while (decode_error(gif.substr(0, whole)).empty())
    --whole;
  EXPECT_GT(whole, gif.size() / 4);
  EXPECT_EQ(decode_image(gif.substr(0, whole + 1), "x").pixels, image.pixels);
  for (size_t size = 0; size <= whole; ++size) {
    EXPECT_NE(decode_error(gif.substr(0, size)), "") << size;
  }
}

}  // namespace
}  // namespace ddpm
