#!/usr/bin/env bash
# From folders of face crops to the released expert and its tables, on one core: training/run.sh SHARED WORK
set -euo pipefail
shared=$1 work=$2
export OMP_NUM_THREADS=1
run() { echo "== $*"; python -m "$@"; }
mkdir -p "$work/folds"

run training.prepare "$shared/grid_s1" "$work/grid_s1"
run training.prepare "$shared/talkers" "$work/talkers"
run training.landmarks "$shared/talkers" "$work/corners" --weights "$shared/weights"
run training.prepare "$shared/talkers" "$work/talkers_aligned" --corners "$work/corners"

run training.train grid --caches "$work" --out "$work/stage1" --minutes 12 --seed 1
run training.realign "$work/stage1/expert.pt" --caches "$work" --shared "$shared"
for fold in 0 1 2; do
  run training.train all --caches "$work" --out "$work/fold$fold" --start "$work/stage1/expert.pt" \
    --minutes 8.5 --seed "1$fold" --leave-out-fold "$fold"
  run training.export "$work/fold$fold/expert.pt" "$work/folds/fold$fold.onnx"
done

run rendering --out "$work/rendered_clips" --speakers 11 --sentences 2 --seed 7001
run training.prepare "$work/rendered_clips" "$work/rendered"
run training.realign "$work/stage1/expert.pt" --caches "$work" --shared "$shared"
run training.train all --caches "$work" --out "$work/final" --start "$work/stage1/expert.pt" --minutes 21 --seed 2
run training.export "$work/final/expert.pt" "$work/final/embedded.onnx"
run training.release "$work/final/embedded.onnx"

run training.landmarks "$shared/clips" "$work/clips" --tracked --weights "$shared/weights"
run training.evaluate --shared "$shared" --folds "$work/folds" --corners "$work/corners" --crops "$work/clips" --out "$work/tables.md"
run training.cost
