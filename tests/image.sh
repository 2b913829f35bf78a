#!/usr/bin/env bash
# Checks without Docker that the images can be built from what they copy: every source of a COPY in deploy/Dockerfile
# exists and is not excluded by .dockerignore, and the gateway compiles from these files alone. Exits with 0 or 1.
#
#   tests/image.sh
#
# Replays the stage that builds the gateway, line by line, in a temporary folder; only `cargo build --release` becomes
# `cargo check`, which reuses the dependencies that the other tests built.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/lib.sh
need_rust

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$ROOT/target}"
stage="$(mktemp -d)"
trap 'rm -rf "$stage"' EXIT

mapfile -t patterns < <(grep -vE '^(#|$)' .dockerignore)

# sent PATH: whether it is sent to Docker; the last matching pattern decides.
sent() {
  local pattern bare status=0
  for pattern in "${patterns[@]}"; do
    bare="${pattern#!}"
    # shellcheck disable=SC2053 # these are patterns
    if [[ "$1" == $bare || "$1" == $bare/* ]]; then
      if [ "$bare" = "$pattern" ]; then status=1; else status=0; fi
    fi
  done
  return "$status"
}

context="$stage/context"
while IFS= read -r -d '' path; do
  if [ -f "$path" ] && sent "$path"; then
    mkdir -p "$context/$(dirname "$path")"
    cp -p "$path" "$context/$path"
  fi
done < <(git ls-files -z --cached --others --exclude-standard)
# The output of another stage; if it is missing, the gateway reports that at run time.
made="$stage/made"
mkdir -p "$made"

# shellcheck disable=SC2329 # called by what the Dockerfile runs
cargo() {
  [ "${*:1:2}" = "build --release" ] || { echo "cannot be replayed: cargo $*" >&2; return 1; }
  command cargo check --offline "${@:3}"
}
export -f cargo

copy() { # FROM SOURCE… TARGET: like COPY, which copies the content of a folder
  local from=$1 target="${*: -1}" source
  shift
  while [ $# -gt 1 ]; do
    source="$from/${1#/}"
    [ -e "$source" ] || die "deploy/Dockerfile copies $1, which does not exist or is excluded by .dockerignore"
    if [ -n "$replayed" ]; then
      if [ -d "$source" ]; then
        mkdir -p "$work/$target" && cp -rp "$source/." "$work/$target"
      else
        mkdir -p "$work/$(dirname "${target}x")" && cp -p "$source" "$work/$target"
      fi
    fi
    shift
  done
}

work="$stage/work"
mkdir -p "$work"
name=
replayed=
while read -r word rest; do
  case "$word" in
    FROM)
      name="${rest##* AS }"
      replayed=
      [ "$name" != build ] || replayed=yes
      ;;
    COPY)
      read -ra words <<<"$rest"
      case "${words[0]}" in
        --from=*) [ -z "$replayed" ] || copy "$made" "." "${words[2]}" ;;
        *) copy "$context" "${words[@]}" ;;
      esac
      ;;
    RUN) [ -z "$replayed" ] || (cd "$work" && bash -euo pipefail -c "$rest") ;;
  esac
done < <(sed -e '/^ *#/d' -e ':more' -e '/\\$/{N;s/\\\n//;b more' -e '}' deploy/Dockerfile)
[ -e "$work/src/main.rs" ] || die "deploy/Dockerfile has no stage named build"

# The build may use fewer packages than Cargo.lock names, but no others.
packages() { sed -n '/^\[\[package\]\]/{N;N;s/\n/ /g;p}' "$1" | sort; }
other="$(comm -13 <(packages Cargo.lock) <(packages "$work/Cargo.lock"))"
[ -z "$other" ] || die "the image would be built with packages that are not in Cargo.lock: $other"
say "the images can be built from what they copy"
