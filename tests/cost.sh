#!/usr/bin/env bash
# What the hot paths cost, counted in instructions and allocations by callgrind, against what they
# cost before (tests/cost/counts.txt). Exits 0 only if each costs the same within 3 %: a clock would
# never see so little on a busy machine, and many small losses make a large one.
#
#   tests/cost.sh             compares
#   tests/cost.sh --accept    writes down what they cost now
#
# Counts depend on the compiler, the C library and the optimisation. After a change of those accept
# the counts on a commit that held before, by itself. To accept a loss belongs a reason.
# What callgrind saw is in target/cost/callgrind/, for callgrind_annotate.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/lib.sh
need_rust
need_packages valgrind

cargo build --quiet --locked -p couplet-cost --profile cost
exec target/cost/cost "$@"
