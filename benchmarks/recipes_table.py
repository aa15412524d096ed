"""Tables of what compare_recipes.sh and tune_recipe.sh left, as Markdown on stdout. Needs nothing but Python.

    recipes_table.py compare FOLDER           the recipes in runs/recipes
    recipes_table.py tune RESULTS.jsonl       the variations, lowest distance first
    recipes_table.py line NAME FOLDER SETTINGS...
                                              a variation's line for RESULTS.jsonl, from FOLDER/NAME.*
"""
import json
import os
import re
import sys


def load(path):
    with open(path) as file:
        return json.load(file)


def distance(result):
    """FD or FID as `ddpm eval --json` gives it, and its name in the table."""
    key = "fid" if "fid" in result else "fd"
    return result[key], key.upper()


def training_of(run):
    """Steps, images and rate of one of our runs, start and reading of data included in the rate."""
    state = load(os.path.join(run, "checkpoints", "last", "training", "state.json"))
    with open(os.path.join(run, "config.yaml")) as file:
        text = file.read()
    images = state["step"] * int(re.search(r"^ +batch_size: *(\d+)", text, re.M).group(1))
    return {"steps": state["step"], "images": images, "images_per_second": images / state["seconds"]}


def recipe_rows(folder):
    """A row for each result that is whole: its facts and what `ddpm eval` says."""
    rows = []
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".eval.json"):
            continue
        stem = os.path.join(folder, name.removesuffix(".eval.json"))
        row = {"eval": load(stem + ".eval.json")}
        if os.path.exists(stem + ".json"):
            row |= load(stem + ".json")
        else:
            run, minutes, plain = re.search(r"(.*ours-(.*)m)(-plain)?$", stem).groups()
            row |= {"recipe": "ours", "minutes": float(minutes), "kind": "guidance 1" if plain else "",
                    "parameters": load(run + ".plan.json")["parameters"], **training_of(run)}
        rows.append(row)
    return rows


def check_alike(rows):
    """Distances compare only in the same features, of equally many images, to the same reference."""
    kinds = {(row["eval"]["features"]["hash"], row["eval"]["images"]["n"], row["eval"]["reference"]["name"])
             for row in rows}
    if len(kinds) > 1:
        sys.exit(f"recipes_table: the results are of different features, numbers or references: {kinds}; "
                 "remove the .eval.json files that are not wanted")


def compare(folder):
    rows = recipe_rows(folder)
    if not rows:
        sys.exit(f"recipes_table: no results in {folder}")
    check_alike(rows)
    _, word = distance(rows[0]["eval"])
    print(f"| recipe | minutes | parameters | images trained | images/s | {word} |\n|---|---|---|---|---|---|")
    trained = [row for row in rows if row["recipe"] != "resized"]
    for row in sorted(trained, key=lambda row: (row["minutes"], distance(row["eval"])[0]["value"])):
        kind = f", {row['kind']}" if row["kind"] else ""
        print(f"| {row['recipe']}{kind} | {row['minutes']:g} | {row['parameters'] / 1e6:.2f} M | {row['images']} "
              f"| {row['images_per_second']:.1f} | {distance(row['eval'])[0]['value']:.4g} |")
    for row in rows:
        if row["recipe"] == "resized":
            print(f"| test images, to 32x32 and back | | | | | {distance(row['eval'])[0]['value']:.4g} |")
    score = distance(rows[0]["eval"])[0]
    if "floor" in score:
        print(f"| {score['floor_of']} | | | | | {score['floor']:.4g} |")
    if "ceiling" in score:
        print(f"| uniform noise | | | | | {score['ceiling']:.4g} |")
    for minutes in sorted({row["minutes"] for row in trained}):
        print_ratio(minutes, [row for row in trained if row["minutes"] == minutes])
    result = rows[0]["eval"]
    print(f"\n{word} of {result['images']['n']} images to {result['reference']['n']} of "
          f"{result['reference']['name']}, in features of {result['features']['name']} "
          f"{result['features']['hash']}.")


def print_ratio(minutes, rows):
    value = lambda row: distance(row["eval"])[0]["value"]
    ours = [row for row in rows if row["recipe"] == "ours"]
    theirs = [row for row in rows if row["recipe"] != "ours"]
    if not ours or not theirs:
        return
    best = min(theirs, key=value)
    for row in ours:
        kind = f" with {row['kind']}" if row["kind"] else ""
        print(f"\n{minutes:g} minutes: ours{kind} / best Python ({best['recipe']}) "
              f"**{value(row) / value(best):.2f}×**.")


def line(name, folder, settings):
    """One variation's result; one that diverged has no distance."""
    stem = os.path.join(folder, name)
    result = {"name": name, "settings": " ".join(settings)}
    if not os.path.exists(stem + ".eval.json"):
        print(json.dumps(result | {"diverged": True}))
        return
    scored = load(stem + ".eval.json")
    score, word = distance(scored)
    print(json.dumps(result | training_of(stem) | {word.lower(): score["value"], "n": scored["images"]["n"],
                                                   "features": scored["features"]["hash"]}))


def tune(path):
    with open(path) as file:
        rows = [json.loads(text) for text in file]
    value = lambda row: row.get("fid", row.get("fd", float("inf")))
    word = "FID" if any("fid" in row for row in rows) else "FD"
    print(f"| variation | settings | images trained | images/s | {word} |\n|---|---|---|---|---|")
    for row in sorted(rows, key=value):
        settings = f"`{row['settings']}`" if row["settings"] else "as in the config"
        if "diverged" in row:
            print(f"| {row['name']} | {settings} | | | diverged |")
            continue
        print(f"| {row['name']} | {settings} | {row['images']} | {row['images_per_second']:.1f} | {value(row):.4g} |")


def main():
    words = sys.argv[1:]
    if len(words) == 2 and words[0] == "compare":
        compare(words[1])
    elif len(words) == 2 and words[0] == "tune":
        tune(words[1])
    elif len(words) >= 3 and words[0] == "line":
        line(words[1], words[2], words[3:])
    else:
        print(__doc__, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
