#!/usr/bin/env bash
# Packs a built site: bundle.sh build/site guide.tar.gz
# The same site gives the same bytes, so that two can compare.
set -euo pipefail
site=$1 archive=$2
(cd "$site" && find . -type f -print0 | LC_ALL=C sort -z |
  xargs -0 sha256sum) > "$archive.manifest"
tar --directory="$site" --sort=name --mtime=@0 --mode=a+rX,go-w \
  --owner=0 --group=0 --numeric-owner --create --file=- . |
  gzip --no-name > "$archive"
(cd "$(dirname "$archive")" &&
  sha256sum "$(basename "$archive")" "$(basename "$archive").manifest") \
  > "$archive.sha256"
