// The days of a month in weeks that begin on Monday. Months are text, as in 2026-03.

const daysPerWeek = 7;

export function daysOfMonth(month: string): { readonly blanks: number; readonly days: readonly string[] } {
  const first = new Date(`${month}-01T00:00:00Z`);
  const count = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0)).getUTCDate();
  const days = Array.from({ length: count }, (_, i) => `${month}-${String(i + 1).padStart(2, "0")}`);
  // Sunday is 0 in a Date, and last here.
  return { blanks: (first.getUTCDay() + daysPerWeek - 1) % daysPerWeek, days };
}

export function monthAfter(month: string, months: number): string {
  const first = new Date(`${month}-01T00:00:00Z`);
  return new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + months, 1)).toISOString().slice(0, 7);
}
