// Text of somebody else's making, made fit for a terminal and a line.

const longestMessage = 500;

/** A message may name a part of a file or an answer as its writer did: no such name moves the terminal's cursor or fills its pages. */
export function printable(message: string): string {
  // What it is about stands in front, what is wrong with it often at the end.
  const cut =
    message.length <= longestMessage ? message : `${message.slice(0, longestMessage - 153)} … ${message.slice(-150)}`;
  return cut.replace(/[\r\n]\s*/g, " ").replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, "?");
}
