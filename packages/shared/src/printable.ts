// Makes text that another party wrote fit for a terminal and for one line.

const maxMessageLength = 500;

/**
 * A message may repeat a name from a file or an answer, exactly as its writer chose it. No name may move the terminal's
 * cursor or fill its screen.
 */
export function printable(message: string): string {
  // The beginning says what the message is about, and the end often says what is wrong: the middle is cut.
  const cut =
    message.length <= maxMessageLength
      ? message
      : `${message.slice(0, maxMessageLength - 153)} … ${message.slice(-150)}`;
  return cut.replace(/[\r\n]\s*/g, " ").replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, "?");
}
