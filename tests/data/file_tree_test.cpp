#include "ddpm/data/file_tree.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "ddpm/data/image_io.h"
#include "support/data_files.h"
#include "support/temp_dir.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

void write_empty(const TempDir& root, const Names& names) {
  for (const auto& name : names)
    root.write(name, "");
}

TEST(FileTree, WhatSystemsLeaveBehindIsPassedOver) {
  const TempDir root;
  write_empty(root, {"a.png", "._a.png", ".cache/b.png", "__MACOSX/c.png",
                     ".ipynb_checkpoints/d.png", "lost+found/e.png", "@eaDir/f.png", "Thumbs.db",
                     ".DS_Store", "desktop.ini", "$RECYCLE.BIN/g.png"});
  const auto tree = walk_folder(root.path());
  EXPECT_EQ(tree.images, Names{"a.png"});
  EXPECT_TRUE(tree.others.empty());
  EXPECT_TRUE(tree.folders.empty());
}

TEST(FileTree, RunsOfOursAreNoData) {
  const TempDir root;
  write_empty(root,
              {"cat/a.png", "runs/one/metrics.jsonl", "runs/one/samples/step-000500.png",
               "mine/config.yaml", "mine/checkpoints/step-000001/x.json", "mine/samples/x.png",
               "copy/samples/step-000500.png", "copy/samples/step-1000000.png"});
  const auto tree = walk_folder(root.path());
  EXPECT_EQ(tree.images, Names{"cat/a.png"});
  EXPECT_EQ(tree.runs, (Names{"copy/samples", "mine", "runs"}));
}

TEST(FileTree, FoldersOfOthersMayBeCalledAsOurs) {
  const TempDir root;
  write_empty(root, {"runs/a.png", "samples/step.png", "cat/config.yaml", "cat/b.png"});
  EXPECT_EQ(walk_folder(root.path()).images.size(), 3U);
}

TEST(FileTree, TheRunThatTrainsInItsOwnFolderIsLeftOut) {
  const TempDir root;
  write_empty(root, {"a.png", "config.yaml", "metrics.jsonl", "checkpoints/step-000001/x.json",
                     "samples/step-000500.png"});
  EXPECT_EQ(walk_folder(root.path()).images, Names{"a.png"});
}

TEST(FileTree, LinksAreFollowedAtEveryDepthAndDanglingOnesKept) {
  const TempDir root;
  const TempDir elsewhere;
  write_empty(elsewhere, {"x.png", "deep/y.png"});
  fs::create_directories(root.path() / "cat/more");
  fs::create_directory_symlink(elsewhere.path(), root.path() / "cat/more/link");
  fs::create_symlink(elsewhere.path() / "x.png", root.path() / "a.png");
  fs::create_symlink("/no/such.png", root.path() / "b.png");
  EXPECT_EQ(walk_folder(root.path()).images,
            (Names{"a.png", "b.png", "cat/more/link/deep/y.png", "cat/more/link/x.png"}));
}

TEST(FileTree, LinksThatLeadBackAreNotFollowed) {
  const TempDir root;
  write_empty(root, {"cat/a.png", "dog/b.png"});
  fs::create_directory_symlink("..", root.path() / "cat/up");
  fs::create_directory_symlink(".", root.path() / "cat/self");
  fs::create_directory_symlink("/", root.path() / "cat/top");
  fs::create_directory_symlink(root.path() / "dog", root.path() / "cat/other");
  const auto tree = walk_folder(root.path());
  EXPECT_EQ(tree.images, (Names{"cat/a.png", "cat/other/b.png", "dog/b.png"}));
  EXPECT_EQ(tree.loops, (Names{"cat/self", "cat/top", "cat/up"}));
}

TEST(FileTree, FilesWithoutEndingAreLookedInto) {
  const TempDir root;
  root.write("0123", encode_png(make_image(2, 2, 3)));
  root.write("README", "BM, a text");
  const auto tree = walk_folder(root.path());
  EXPECT_EQ(tree.images, Names{"0123"});
  EXPECT_EQ(tree.others, Names{"README"});
}

TEST(FileTree, ArchivesAreReadByTheirNames) {
  const auto tree = tree_of_names({"b/", "b/2.PNG", "b/1.png", "dataset.json", "../up.png",
                                   "/a.png", "__MACOSX/b/1.png", "b/.x.png", "notes.txt"});
  EXPECT_EQ(tree.images, (Names{"b/1.png", "b/2.PNG"}));
  EXPECT_EQ(tree.lists, Names{"dataset.json"});
  EXPECT_EQ(tree.others, Names{"notes.txt"});
  EXPECT_EQ(tree.folders, Names{"b"});
}

}  // namespace
}  // namespace ddpm
