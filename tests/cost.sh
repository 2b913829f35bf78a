#!/usr/bin/env bash
# Counts the instructions and allocations of the hot paths with callgrind, and compares them with earlier
# counts (tests/cost/counts.txt). Exits with 0 only if each differs by at most 3 %. A clock could not
# measure such small differences on a busy machine, and many small regressions add up.
#
#   tests/cost.sh             compares
#   tests/cost.sh --accept    records the present counts
#
# Counts depend on the compiler, the C library and the optimisation. After a change of those, accept the
# counts in a separate commit, on code that passed before. Accept a regression only with a reason.
# Callgrind's output is in target/cost/callgrind/, for callgrind_annotate.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/lib.sh
need_rust
need_packages valgrind

cargo build --quiet --locked -p couplet-cost --profile cost
exec target/cost/cost "$@"
