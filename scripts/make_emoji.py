#!/usr/bin/env python3
"""Writes the emoji of Debian's font as a data set: 128-pixel images in nine classes, for training and for testing.

    scripts/make_emoji.py FOLDER [--font FILE] [--list FILE]

FOLDER/train/CLASS/NAME.png and FOLDER/test/CLASS/NAME.png, RGB on white, 136x136. The classes are the groups of Unicode's
emoji-test.txt. About a tenth is for testing; all skin tones, genders, hair styles and directions of one emoji are on the
same side. Needs the Debian packages fonts-noto-color-emoji, unicode-data and python3-pil (with raqm).
"""
import argparse
import hashlib
import pathlib
import re

from PIL import Image, ImageDraw, ImageFont, features

FONT = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
LIST = "/usr/share/unicode/emoji/emoji-test.txt"
BITMAP_SIZE = 109  # the one size that the font has, and the height of its lines
WIDTH, HEIGHT = 136, 128  # of one bitmap

# What turns an emoji into a variant of itself: presentation, joiner, skin tones, hair, sex and direction.
MODIFIERS = {0xFE0F, 0x200D, *range(0x1F3FB, 0x1F400), *range(0x1F9B0, 0x1F9B4), 0x2640, 0x2642, 0x27A1}
PEOPLE = {0x1F468: 0x1F9D1, 0x1F469: 0x1F9D1, 0x1F466: 0x1F9D2, 0x1F467: 0x1F9D2}  # man, woman; boy, girl


def emoji(path: pathlib.Path):
    """Each emoji as (text, name, class), in the order of the list."""
    group = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# group:"):
            group = re.sub(r"[^a-z]+", "-", line.split(":", 1)[1].strip().lower())
        found = re.match(r"([0-9A-F ]+?)\s*; fully-qualified\s*# \S+ E[0-9.]+ (.+)", line)
        if found and group != "component":
            text = "".join(chr(int(code, 16)) for code in found[1].split())
            name = re.sub(r"[^a-z0-9]+", "-", found[2].lower()).strip("-")
            yield text, f"{name}-{found[1].split()[0].lower()}", group


def family(text: str) -> tuple[int, ...]:
    """The same for all variants of an emoji."""
    return tuple(PEOPLE.get(ord(c), ord(c)) for c in text if ord(c) not in MODIFIERS)


def is_for_testing(text: str) -> bool:
    return hashlib.sha256(repr(family(text)).encode()).digest()[0] % 10 == 0


def draw(text: str, font: ImageFont.FreeTypeFont) -> Image.Image | None:
    """The emoji on a white square; nothing if the font draws it as several."""
    if font.getlength(text) > WIDTH:
        return None
    picture = Image.new("RGBA", (WIDTH, WIDTH), "white")
    layer = Image.new("RGBA", (WIDTH, WIDTH), (255, 255, 255, 0))
    ImageDraw.Draw(layer).text((0, (WIDTH - HEIGHT) // 2), text, font=font, embedded_color=True)
    picture.alpha_composite(layer)
    return picture.convert("RGB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--font", type=pathlib.Path, default=FONT)
    parser.add_argument("--list", type=pathlib.Path, default=LIST)
    options = parser.parse_args()
    if not features.check("raqm"):
        parser.error("this Pillow has no raqm, without which flags and families fall apart; use Debian's python3-pil")
    font = ImageFont.truetype(str(options.font), BITMAP_SIZE)
    seen, counts = set(), {"train": 0, "test": 0}
    for text, name, group in emoji(options.list):
        picture = draw(text, font)
        if picture is None or picture.getextrema() == ((255, 255),) * 3:
            continue
        key = hashlib.sha256(picture.tobytes()).digest()
        if key in seen:  # some look alike, flags of islands for one
            continue
        seen.add(key)
        split = "test" if is_for_testing(text) else "train"
        place = options.folder / split / group
        place.mkdir(parents=True, exist_ok=True)
        picture.save(place / f"{name}.png")
        counts[split] += 1
    print(f"{options.folder}: {counts['train']} images to train on, {counts['test']} to test with")


if __name__ == "__main__":
    main()
