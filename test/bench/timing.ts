// Times contenders in one run, in turn, so that a machine whose speed drifts drifts for all of them.

export interface Contender {
  readonly name: string;
  /** One unit of work; its result must not be thrown away before it is computed. */
  readonly run: () => unknown;
}

export interface Timing {
  readonly name: string;
  readonly medianMs: number;
  readonly p90Ms: number;
}

export interface TimingOptions {
  readonly rounds: number;
  readonly warmups: number;
}

export async function timeInTurn(
  contenders: readonly Contender[],
  { rounds, warmups }: TimingOptions,
): Promise<Timing[]> {
  const samples = contenders.map(() => [] as number[]);
  for (let round = -warmups; round < rounds; round++) {
    for (const [index, { run }] of contenders.entries()) {
      const startedAt = performance.now();
      await run();
      if (round >= 0) samples[index]?.push(performance.now() - startedAt);
    }
  }
  return contenders.map(({ name }, index) => {
    const sorted = Float64Array.from(samples[index] ?? []).sort();
    return { name, medianMs: quantile(sorted, 0.5), p90Ms: quantile(sorted, 0.9) };
  });
}

function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** A table for people; every cell is text already. */
export function renderRows(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join(" | ")} |`;
  return [line(head), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...rows.map(line)].join("\n");
}
