#!/usr/bin/env bash
# From folders of face crops to an expert and its tables, on one core: research/training/run.sh SHARED WORK
# STEPS=2 tries the whole way with two steps per training instead of the released numbers; the expert is then worthless.
set -euo pipefail
shared=$1 work=$2
export OMP_NUM_THREADS=1
run() { echo "== $*"; python -m "$@"; }
steps() { echo --steps "${STEPS:-$1}"; }
speakers=12 tolerance=1.5
if [ -n "${STEPS:-}" ]; then speakers=1 tolerance=99; fi
precision=$(grep -qsE 'avx512_bf16|amx_bf16' /proc/cpuinfo && echo --bf16 || true)
mkdir -p "$work/folds"

run research.training.prepare "$shared/grid_s1" "$work/grid_s1"
run research.training.prepare "$shared/talkers" "$work/talkers"
run research.training.landmarks "$shared/talkers" "$work/corners" --weights "$shared/weights"
run research.training.prepare "$shared/talkers" "$work/talkers_aligned" --corners "$work/corners"
run research.rendering --out "$work/rendered_clips" --speakers $speakers --sentences 2 --seed 7001
run research.training.prepare "$work/rendered_clips" "$work/rendered"

run research.training.train grid --caches "$work" --out "$work/stage1" $(steps 1000) --seed 1 $precision
run research.training.realign "$work/stage1/expert.pt" --caches "$work" --shared "$shared" --tolerance $tolerance
for fold in 0 1 2; do
  run research.training.train all --caches "$work" --out "$work/fold$fold" --start "$work/stage1/expert.pt" \
    $(steps 1000) --seed "1$fold" --leave-out-fold "$fold" $precision
  run research.training.export "$work/fold$fold/expert.pt" "$work/folds/fold$fold.onnx"
done
run research.training.train all --caches "$work" --out "$work/final" --start "$work/stage1/expert.pt" $(steps 1200) --seed 2 $precision
run research.training.export "$work/final/expert.pt" "$work/final/embedded.onnx"

run research.training.landmarks "$shared/clips" "$work/clips" --tracked --weights "$shared/weights"
run research.training.evaluate --shared "$shared" --expert "$work/final/embedded.onnx" --folds "$work/folds" \
  --corners "$work/corners" --crops "$work/clips" --out "$work/tables.md"
run research.training.cost
# People in the wild are for validation alone, and are looked at once a release, by hand: see README.md.
echo "To make it the shipped release: python -m research.training.release $work/final/embedded.onnx"
