#!/usr/bin/env python3
"""Writes tests/data/images: small image files as people have them, and beside each what Pillow shows of it.

    python3 tests/reference/make_image_files.py        # needs Pillow 12

NAME.ENDING is the file, seen/NAME.ppm (.pgm for grey) its pixels: turned by EXIF's orientation, laid over white, first
frame, 16 bits cut to 8. Made by hand are what Pillow does not write.
"""
import io
import pathlib
import struct
import zlib

from PIL import Image, ImageOps

OUT = pathlib.Path(__file__).resolve().parents[1] / "data" / "images"
WIDTH, HEIGHT = 16, 8


def picture(mode="RGB", width=WIDTH, height=HEIGHT):
    """Smooth, and different under each of the eight orientations."""
    image = Image.new("RGB", (width, height))
    image.putdata([(12 * x % 256, 25 * y % 256, (7 * x + 11 * y) % 256) for y in range(height) for x in range(width)])
    return image.convert(mode)


def with_alpha(mode="RGBA"):
    image = picture().convert(mode)
    image.putalpha(Image.frombytes("L", (WIDTH, HEIGHT), bytes(2 * i % 256 for i in range(WIDTH * HEIGHT))))
    return image


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def exif(orientation, order="<", kind=3, entries=1, offset=8):
    """A TIFF header and a directory with the tag alone; `kind` is the type of its value."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    value = {1: "B3x", 3: "H2x", 4: "I", 2: "I"}[kind]
    return (mark + struct.pack(order + "IH", offset, entries) + struct.pack(order + "HHI", 274, kind, 1) +
            struct.pack(order + value, orientation) + bytes(4))


def segment(marker, content):
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def jpeg_with(jpeg, content, marker=0xE1):
    return jpeg[:2] + segment(marker, content) + jpeg[2:]


def without_segment(jpeg, marker):
    at = jpeg.index(bytes([0xFF, marker]))
    return jpeg[:at] + jpeg[at + 2 + struct.unpack(">H", jpeg[at + 2:at + 4])[0]:]


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(depth, colour, rows, before=b"", after=b"", interlace=0):
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, colour, 0, 0, interlace)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + chunk(b"IDAT", zlib.compress(rows, 9)) + after +
            chunk(b"IEND", b""))


def rows(pixels, row_bytes):
    return b"".join(b"\0" + pixels[i:i + row_bytes] for i in range(0, len(pixels), row_bytes))


def interlaced(image):
    """The seven passes of Adam7, RGB."""
    data = b""
    for x0, y0, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)):
        for y in range(y0, HEIGHT, dy):
            line = b"".join(bytes(image.getpixel((x, y))) for x in range(x0, WIDTH, dx))
            data += b"\0" + line if line else b""
    return data


def deep(values):
    return b"".join(struct.pack(">H", value) for value in values)


def tiled_tiff(image):
    """Two tiles of 16 x 16, RGB, most significant byte first."""
    tiles = []
    for left in (0, 16):
        tile = Image.new("RGB", (16, 16))
        tile.paste(image.crop((left, 0, left + 16, 16)))
        tiles.append(tile.tobytes())
    tags = [(256, 3, 1, image.width << 16), (257, 3, 1, image.height << 16), (258, 3, 3, 170), (259, 3, 1, 1 << 16),
            (262, 3, 1, 2 << 16), (277, 3, 1, 3 << 16), (322, 3, 1, 16 << 16), (323, 3, 1, 16 << 16), (324, 4, 2, 176),
            (325, 4, 2, 184)]
    start = 192
    directory = struct.pack(">H", len(tags)) + b"".join(struct.pack(">HHII", *tag) for tag in tags) + bytes(4)
    head = (b"MM\0*" + struct.pack(">I", 8) + directory).ljust(170, b"\0") + struct.pack(">HHH", 8, 8, 8)
    head += struct.pack(">IIII", start, start + 768, 768, 768)
    return head + b"".join(tiles)


def turned_files():
    for orientation in range(1, 9):
        order = "<" if orientation % 2 else ">"
        grey = saved(picture("L"), "JPEG", quality=95)
        yield f"turned-{orientation}.jpg", jpeg_with(grey, b"Exif\0\0" + exif(orientation, order))
        block = chunk(b"eXIf", exif(orientation, order))
        lines = rows(picture().tobytes(), 3 * WIDTH)
        yield f"turned-{orientation}.png", png(8, 2, lines, **{"before" if orientation < 5 else "after": block})
        yield f"turned-{orientation}.webp", saved(picture(), "WEBP", lossless=True, exif=exif(orientation, order))
        yield f"turned-{orientation}.tif", saved(picture(), "TIFF", tiffinfo={274: orientation})
    colour = saved(picture(), "JPEG", quality=95)
    # What XMP data say of orientation stands in an APP1 segment too, and editors write it first.
    with_xmp = jpeg_with(jpeg_with(colour, b"Exif\0\0" + exif(6, kind=4)), b"http://ns.adobe.com/xap/1.0/\0<x/>")
    yield "turned-behind-xmp.jpg", with_xmp
    yield "turned-by-pillow.jpg", saved(picture(), "JPEG", exif=pillow_exif(8))
    yield "turned-by-pillow.png", saved(picture(), "PNG", exif=pillow_exif(5))
    yield "turned-marked.webp", saved(picture(), "WEBP", lossless=True, exif=b"Exif\0\0" + exif(3))


def pillow_exif(orientation):
    data = Image.Exif()
    data[271], data[274], data[305] = "maker", orientation, "software"
    return data


def jpegs():
    yield "progressive.jpg", saved(picture(), "JPEG", progressive=True)
    yield "subsampled.jpg", saved(picture(width=33, height=17), "JPEG", subsampling=2)
    yield "grey.jpg", saved(picture("L"), "JPEG")
    colour = saved(picture(), "JPEG", quality=95, subsampling=0)
    yield "adobe-rgb.jpg", jpeg_with(without_segment(colour, 0xE0), b"Adobe\0\x64" + bytes(5), 0xEE)
    cmyk = saved(picture("CMYK"), "JPEG", quality=95)
    yield "cmyk.jpg", cmyk
    yield "cmyk-unmarked.jpg", without_segment(cmyk, 0xEE)
    at = cmyk.index(b"Adobe")
    yield "ycck.jpg", cmyk[:at + 11] + b"\x02" + cmyk[at + 12:]
    yield "cmyk-turned.jpg", jpeg_with(cmyk, b"Exif\0\0" + exif(6))
    yield "jpeg-in-disguise.png", saved(picture(), "JPEG")


def pngs():
    yield "alpha.png", saved(with_alpha(), "PNG")
    yield "grey-alpha.png", saved(with_alpha("LA"), "PNG")
    palette = picture().quantize(16)
    yield "palette-transparent.png", saved(palette, "PNG", transparency=3)
    yield "palette-alpha.png", saved(palette, "PNG", transparency=bytes(16 * i for i in range(16)))
    yield "grey-1.png", saved(picture("1"), "PNG")
    yield "grey-transparent.png", saved(picture("L"), "PNG", transparency=picture("L").getpixel((3, 3)))
    yield "rgb-transparent.png", saved(picture(), "PNG", transparency=picture().getpixel((5, 1)))
    yield "interlaced.png", png(8, 2, interlaced(picture()), interlace=1)
    yield "grey-16.png", png(16, 0, rows(deep(257 * value for value in picture("L").tobytes()), 2 * WIDTH))
    yield "rgb-16.png", png(16, 2, rows(deep(257 * value for value in picture().tobytes()), 6 * WIDTH))
    yield "rgb-gamma.png", png(8, 2, rows(picture().tobytes(), 3 * WIDTH), chunk(b"gAMA", struct.pack(">I", 100000)))


def webps():
    yield "lossy.webp", saved(picture(), "WEBP", quality=90)
    yield "lossless.webp", saved(picture(), "WEBP", lossless=True)
    yield "alpha.webp", saved(with_alpha(), "WEBP", lossless=True, exact=True)
    frames = [picture(), ImageOps.mirror(picture())]
    yield "animated.webp", saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)


def gif(*blocks, background=0):
    """A canvas of 8 x 4 and four colours: red, green, blue, white."""
    colours = b"\xff\0\0\0\xff\0\0\0\xff\xff\xff\xff"
    return b"GIF89a" + struct.pack("<HHBBB", 8, 4, 0x81, background, 0) + colours + b"".join(blocks) + b";"


def gif_frame(left, top, width, height, values, flags=0):
    """The values in codes of three bits, the table cleared before it grows."""
    codes = []
    for i, value in enumerate(values):
        codes += [4, value] if i % 2 == 0 else [value]
    bits = sum(code << (3 * i) for i, code in enumerate([*codes, 5]))
    data = bits.to_bytes((3 * len(codes) + 3 + 7) // 8, "little")
    return b"," + struct.pack("<HHHHB", left, top, width, height, flags) + bytes([2, len(data)]) + data + b"\0"


def gifs():
    clear = b"!\xf9\x04" + struct.pack("<BHB", 1, 0, 2) + b"\0"
    everywhere = [(x + y) % 4 for y in range(4) for x in range(8)]
    yield "plain.gif", saved(picture().quantize(64), "GIF")
    yield "transparent.gif", gif(clear, gif_frame(0, 0, 8, 4, everywhere), background=1)
    yield "small-frame.gif", gif(clear, gif_frame(2, 1, 4, 2, everywhere[:8]), background=1)
    yield "interlaced.gif", gif(gif_frame(0, 0, 8, 4, everywhere, 0x40))
    frames = [picture().quantize(32), ImageOps.mirror(picture()).quantize(32)]
    yield "animated.gif", saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)


def tiffs():
    for name in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
        yield name.replace("_", "-") + ".tif", saved(picture(), "TIFF", compression=name)
    yield "grey.tif", saved(picture("L"), "TIFF")
    yield "grey-1.tif", saved(picture("1"), "TIFF")
    yield "palette.tif", saved(picture().quantize(16), "TIFF")
    yield "alpha.tif", saved(with_alpha(), "TIFF")
    yield "cmyk.tif", saved(picture("CMYK"), "TIFF")
    deep_grey = Image.frombytes("I;16", (WIDTH, HEIGHT), b"".join(
        struct.pack("<H", 257 * value) for value in picture("L").tobytes()))
    yield "grey-16.tif", saved(deep_grey, "TIFF")
    yield "big.tif", saved(picture(), "TIFF", big_tiff=True)
    yield "tiled.tif", tiled_tiff(picture(width=24, height=16))
    yield "pages.tif", saved(picture(), "TIFF", save_all=True, append_images=[ImageOps.mirror(picture())])


def others():
    yield "rgb.ppm", saved(picture(), "PPM")
    yield "grey.pgm", b"P5 # a comment\n16\t8\n255\n" + picture("L").tobytes()
    yield "grey-12.pgm", b"P5\n16 8\n4095\n" + deep(round(value * 4095 / 255) for value in picture("L").tobytes())
    yield "palette.bmp", saved(picture().quantize(16), "BMP")


def seen(content):
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    if image.mode.startswith("I"):
        deep_values = image.convert("I").tobytes()
        values = [value >> 8 for value, in struct.iter_unpack("<i", deep_values)]
        image = Image.frombytes("L", image.size, bytes(values))
    is_grey = image.mode in ("1", "L", "LA")
    rgba = image.convert("RGBA")
    over_white = [tuple((v * a + 255 * (255 - a) + 127) // 255 for v in rgb) for *rgb, a in zip(*[iter(rgba.tobytes())] * 4)]
    image = Image.new("RGB", image.size)
    image.putdata(over_white)
    return image.getchannel(0) if is_grey else image


def main():
    (OUT / "seen").mkdir(parents=True, exist_ok=True)
    for files in (turned_files, jpegs, pngs, webps, gifs, tiffs, others):
        for name, content in files():
            (OUT / name).write_bytes(content)
            image = seen(content)
            name += ".pgm" if image.mode == "L" else ".ppm"
            (OUT / "seen" / name).write_bytes(saved(image, "PPM"))


if __name__ == "__main__":
    main()
