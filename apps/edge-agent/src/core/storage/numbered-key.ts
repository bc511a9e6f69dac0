// Keys of numbered records, which the store keeps in the order of their numbers.

export function numberedKey(prefix: string, number: number): string {
  return `${prefix}${String(number).padStart(16, "0")}`;
}
