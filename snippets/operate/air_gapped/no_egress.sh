#!/usr/bin/env bash
# Runs a command where loopback is all the network there is.
set -euo pipefail
# shellcheck disable=SC2016 # "$@" is the inner shell's
exec unshare --map-root-user --net -- \
  bash -c 'ip link set lo up && exec "$@"' no_egress "$@"
