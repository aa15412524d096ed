#!/usr/bin/env bash
# Gets a dataset into data/: downloads and verifies it, or makes it (emoji, from Debian's font). Needs the internet.
#
#   scripts/get_data.sh fashion-mnist|mnist|cifar10|emoji
set -euo pipefail
cd "$(dirname "$0")/.."

# fetch URL FILE MD5: keeps a file that is there and right; never leaves a wrong one under its name
fetch() {
  local url=$1 file=$2 md5=$3
  if [ -f "$file" ] && echo "$md5  $file" | md5sum -c --status; then return 0; fi
  mkdir -p "$(dirname "$file")"
  echo "fetching $file" >&2
  python3 -c 'import sys, urllib.request; urllib.request.urlretrieve(sys.argv[1], sys.argv[2])' "$url" "$file.part"
  if ! echo "$md5  $file.part" | md5sum -c --status; then
    echo "$file: checksum does not match, expected md5 $md5" >&2
    rm -f "$file.part"
    exit 1
  fi
  mv "$file.part" "$file"
}

# idx FOLDER BASE_URL MD5...: the four files of MNIST and its relatives
idx() {
  local folder=$1 base=$2
  shift 2
  for name in train-images-idx3-ubyte train-labels-idx1-ubyte t10k-images-idx3-ubyte t10k-labels-idx1-ubyte; do
    fetch "$base/$name.gz" "$folder/$name.gz" "$1"
    shift
  done
}

case ${1:-} in
  fashion-mnist)
    idx data/fashion-mnist http://fashion-mnist.s3-website.eu-central-1.amazonaws.com \
      8d4fb7e6c68d591d4c3dfef9ec88bf0d 25c81989df183df01b3e8a0aad5dffbe \
      bef4ecab320f06d8554ea6380940ec79 bb300cfdad3c16e7a12a480ee83cd310 ;;
  mnist)
    idx data/mnist https://ossci-datasets.s3.amazonaws.com/mnist \
      f68b3c2dcbeaaa9fbdd348bbdeb94873 d53e105ee54ea40749a09fcbcd1e9432 \
      9fb629c4189551a2d022fa330f9573f3 ec29112dd5afa0611ce80d1b7f02629c ;;
  cifar10)
    fetch https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz data/cifar-10-binary.tar.gz \
      c32a1d4ab5d03f1284b67883e8d87530 ;;
  emoji)
    . scripts/debian.sh
    install_debian_packages fonts-noto-color-emoji unicode-data python3-pil
    rm -rf data/emoji.part
    /usr/bin/python3 scripts/make_emoji.py data/emoji.part >&2
    rm -rf data/emoji
    mv data/emoji.part data/emoji ;;
  *) sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
