// The visits of an online head in the C kernels. The head keeps its sums where the kernels reach them. Its rows stay
// where they are, and a visit copies its row.

import type { AscentKernel, AscentRow, AscentStep } from "../heads/head-kernels.js";
import { padding } from "./factorize.js";
import type { HeadCore } from "./head-core.js";

/** The visits of one call. */
const maxVisits = 64;

export function openAscent(core: HeadCore, given: Float64Array, classes: number): AscentKernel {
  const size = given.length;
  const padded = Math.ceil(classes / padding) * padding;
  const { arrays, call } = core.open({
    variances: [Float64Array, size],
    sums: [Float64Array, classes * size],
    biasSums: [Float64Array, classes],
    scratch: [Float64Array, 2 * padding * classes + 5 * padded],
    importance: [Float64Array, maxVisits],
    offsets: [Float64Array, maxVisits * classes],
    shares: [Float64Array, maxVisits * classes],
    labels: [Int32Array, maxVisits],
    first: [Int32Array, maxVisits],
    x: [Float32Array, maxVisits * size],
  });
  const { variances, sums, biasSums, scratch, importance, offsets, shares, labels, first, x } = arrays;
  variances.set(given);
  sums.fill(0);
  biasSums.fill(0);

  const partsOf = (count: number) => [
    x.subarray(0, count * size),
    labels.subarray(0, count),
    first.subarray(0, count),
    importance.subarray(0, count),
    offsets.subarray(0, count * classes),
    shares.subarray(0, count * classes),
  ];
  /** Most calls make as many visits as the call before. */
  let parts = { count: 0, of: partsOf(0) };

  function visitSome(rows: readonly AscentRow[], { importance: byClass, perLambda, perBias }: AscentStep): number {
    const count = rows.length;
    if (parts.count !== count) parts = { count, of: partsOf(count) };
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      x.set(row.features, i * size);
      labels[i] = row.label;
      first[i] = rows.indexOf(row);
      importance[i] = byClass[row.label]!;
      for (let c = 0; c < classes; c++) {
        offsets[i * classes + c] = row.offsets[c]!;
        shares[i * classes + c] = row.residual[c]!;
      }
    }
    const numbers = [count, size, classes, perLambda, perBias];
    const largest = call("ascend", numbers, [...parts.of, variances, sums, biasSums, scratch]);
    for (let i = 0; i < count; i++) {
      if (first[i] !== i) continue;
      const { residual } = rows[i]!;
      for (let c = 0; c < classes; c++) residual[c] = shares[i * classes + c]!;
    }
    return largest;
  }

  return {
    sums,
    biasSums,
    visit(rows, step) {
      let largest = 0;
      if (rows.length <= maxVisits) return rows.length === 0 ? 0 : visitSome(rows, step);
      for (let start = 0; start < rows.length; start += maxVisits) {
        largest = Math.max(largest, visitSome(rows.slice(start, start + maxVisits), step));
      }
      return largest;
    },
  };
}
