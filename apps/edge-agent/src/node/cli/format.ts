// Numbers as the commands print them; a dash stands for a number that is not known yet.

export function asMs(value: number | null): string {
  return value === null ? "-" : `${value.toFixed(value < 10 ? 2 : 0)} ms`;
}

export function asF1(value: number | null): string {
  return value === null ? "-" : value.toFixed(3);
}

/** Rows of name and value, the values aligned. */
export function table(rows: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
}
