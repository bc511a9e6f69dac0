// Every text of the page, so that one file is read to check or translate them.

const dates = new Intl.DateTimeFormat("en", { dateStyle: "full" });
const months = new Intl.DateTimeFormat("en", { month: "long", year: "numeric" });
const clocks = new Intl.DateTimeFormat("en", { timeStyle: "short" });
const percents = new Intl.NumberFormat("en", { style: "percent" });
const numbers = new Intl.NumberFormat("en");

export const percent = (share: number): string => percents.format(share);
export const number = (value: number): string => numbers.format(value);

export const texts = {
  name: "Attune",
  screens: { write: "Write", diary: "Diary", learned: "Learned", left: "Sent", device: "Device" },
  navigation: "Screens",
  loading: "Loading…",
  again: "Try again",

  write: {
    title: "How is it?",
    entry: "Your entry",
    placeholder: "Write what is on your mind",
    staysHere:
      "Your words stay on this device. A keyboard app may read what you type; Attune cannot prevent that. Use one that you trust.",
    soundsLike: (words: readonly string[]): string => {
      const [first, ...others] = words;
      return others.length === 0 ? `Sounds like ${first}` : `Sounds like ${first}, maybe ${listed(others)}`;
    },
    notSure: (words: readonly string[]): string => `Not sure: ${listed(words)}`,
    empty: "The emotion appears while you write.",
    noRelease: "This device has no model yet. It comes with the first release from your server.",
    right: (word: string): string => `Yes, ${word}`,
    other: "It is something else:",
    keep: "Save without an emotion",
    learned: (word: string, before: number, after: number): string =>
      before === after
        ? `Saved as ${word}.`
        : `Saved as ${word}, and learned: ${percent(before)} ${word} before, ${percent(after)} now.`,
    kept: "Saved without an emotion.",
    more: "More emotions",
    fewer: "Fewer emotions",
  },

  diary: {
    title: "Diary",
    search: "Search your entries",
    filter: "Emotion",
    any: "Any emotion",
    none: "No emotion yet",
    noneFound: "No entry matches.",
    empty: "Nothing is written yet. Your first entry will be here.",
    more: "Show more",
    undated: "Without a time",
    day: (day: string): string => dates.format(atNoon(day)),
    time: (said: string): string => clocks.format(new Date(said.slice(0, 19))),
    month: (month: string): string => months.format(atNoon(`${month}-01`)),
    earlier: "Earlier month",
    later: "Later month",
    weekdays: ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"],
    dayButton: (day: string, entries: number, word: string | undefined): string =>
      `${dates.format(atNoon(day))}: ${counted(entries, "entry", "entries")}${word === undefined ? "" : `, mostly ${word}`}`,
    allDays: "Show all days",
    change: "Change the emotion",
    forget: "Delete",
    forgetAsk: "Delete this entry, and everything learned from it?",
    forgetYes: "Delete for good",
    forgetNo: "Keep it",
    forgotten: "Deleted. What was learned from it is gone, too.",
    changed: (word: string): string => `Changed to ${word}, and learned.`,
  },

  learned: {
    title: "What it learned about you",
    nothing: "It has learned nothing from you yet. It starts with your first confirmed or corrected emotion.",
    rows: (train: number, holdout: number): string =>
      `${counted(train, "entry", "entries")} to learn from, ${number(holdout)} set aside to test it.`,
    head: { prior: "The model that everybody gets answers.", personal: "The model that learned from you answers." },
    f1: "Weighted F1 on your own test entries",
    prior: "the model everybody gets",
    personal: "with what it learned from you",
    unknown: "too few test entries yet",
    labels: "Your entries by emotion",
  },

  left: {
    title: "What left this device",
    none: "Nothing has left this device.",
    sum: (messages: number, bytes: number): string =>
      `${counted(messages, "message")} left, ${counted(bytes, "byte")} in all. None of them holds a word of yours.`,
    person: (bits: number, letters: number): string =>
      `About you they can say at most ${counted(Math.ceil(bits), "bit")}, which could spell ${counted(letters, "letter")}.`,
    slot: (bits: number, budget: number): string =>
      `In the present report week: ${number(Math.ceil(bits))} of ${number(budget)} bits.`,
    journal: "Every message, the latest first",
    way: "sent to",
    path: { trpc: "the server", https: "the server, as a request for a file", nats: "the message broker" },
    earlier: "Show earlier messages",
  },

  device: {
    title: "This device",
    device: "Device",
    notEnrolled: "not enrolled",
    release: "Model",
    noRelease: "none yet",
    engine: "Engine",
    server: "Server",
    reached: "reached",
    unreached: "not reached",
    pending: "Waiting reports",
    prediction: "One prediction",
    contract: "Privacy contract",
    contractVersion: (spoken: number, agreed: number): string => `version ${spoken}; you have agreed to ${agreed}`,
  },

  enrol: {
    title: "Enrol this device",
    what: "Your server's manager gives you a token. It works once, for one device.",
    token: "Token",
    enrol: "Enrol",
    waiting: "Getting your model",
    waitingWhy: "The first download takes some megabytes. After it, everything works without a network.",
  },

  session: {
    title: "This page is locked",
    what: "Open it by a link that works once. On this device, run:",
    command: "attune-agent ui",
    ended: "The agent was started anew, or the link was used before.",
  },
} as const;

export function counted(count: number, one: string, many = `${one}s`): string {
  return `${number(count)} ${count === 1 ? one : many}`;
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/** Noon, so that no zone moves the day. */
function atNoon(day: string): Date {
  return new Date(`${day}T12:00:00`);
}
