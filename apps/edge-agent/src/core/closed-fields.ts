// Withholds from a log any value that is neither a number nor a single word, so that no sentence reaches the log by
// mistake. The one exception, `detail`, explains a refused release; it is made of numbers and file names.

const closedWord = /^[A-Za-z0-9._:/+-]{0,128}$/;

export function closedFields(
  fields: Readonly<Record<string, string | number>>,
): Readonly<Record<string, string | number>> {
  const safe = Object.entries(fields).map(([field, value]) => {
    const isOpen = typeof value === "string" && field !== "detail" && !closedWord.test(value);
    return [field, isOpen ? "(withheld)" : value] as const;
  });
  return Object.fromEntries(safe);
}
