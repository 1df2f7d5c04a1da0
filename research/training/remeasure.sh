#!/usr/bin/env bash
# All that hangs on the embedded expert's weights, measured anew for a new release: research/training/remeasure.sh SHARED WORK
# WORK is the folder of run.sh. SMALL=1 tries the way on the embedded clips alone, in minutes; the bench takes a night.
# The default gates' limits are choices: $WORK/gates.txt and the tables are what core/metrics/default_gates.py is held against.
set -euo pipefail
shared=$1 work=$2
export OMP_NUM_THREADS=1
run() { echo "== $*"; "$@"; }

run python -m research.training.release "$work/final/embedded.onnx"
run lipleak calibrate --clips embedded --expert embedded --output "$work/dose.json" --gates "$work/gates.txt"
cp "$work/dose.json" fixtures/dose/embedded.json
# The bench ends with 1 where a verdict is wrong, which the tables say one by one.
if [ -n "${SMALL:-}" ]; then
  run python -m research.known_guilt run --small --work "$work/bench" || echo "see above"
else
  run python -m research.known_guilt run --shared "$shared" --work "$work/bench" || echo "see above"
  run python -m research.known_guilt table --work "$work/bench" --out docs/evidence/known-guilt.md
  run python -m research.training.landmarks "$shared/wild" "$work/wild" --tracked --weights "$shared/weights"
  run python -m research.training.evaluate --shared "$shared" --crops "$work/clips" --wild "$work/wild" \
    --sections refusal still offsets contrast --out "$work/wild.md"
fi
run python -m research.training.pictures --out docs/figures/expert-failures.webp --weights "$shared/weights"
run python -m research.training.cost
echo "Tables: $work/tables.md, $work/wild.md; limits: $work/gates.txt; now the tests, whose numbers belong to the weights, too."
