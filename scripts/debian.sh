# For other scripts, to be sourced: tells on stderr, and installs Debian packages.

say() { printf '== %s\n' "$*" >&2; }

# install_debian_packages PACKAGE...: those that are missing
install_debian_packages() {
  command -v apt-get >/dev/null || { say "no apt-get here: install the equivalents of $* yourself"; return; }
  local missing=()
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${missing[*]}"
  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { say "run as root, or install sudo: the packages above are missing"; exit 1; }
    as_root=(sudo)
  fi
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
