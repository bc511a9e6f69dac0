// One version of the egress contract in words, as Markdown: what the person and the auditor read.

import {
  type About,
  capacityBits,
  type Domain,
  domainSize,
  domainSizes,
  type EgressContract,
  type EgressPath,
  type Field,
  type MessageDeclaration,
  type PersonRules,
  personSizes,
  type ReservedMessage,
} from "./egress-declaration.js";
import { lettersOf } from "./letters.js";

const ways: Readonly<Record<EgressPath, string>> = { trpc: "tRPC over HTTP", https: "HTTP GET", nats: "NATS" };
const subjects: Readonly<Record<About, string>> = {
  person: "the person",
  device: "the device",
  known: "known to the server",
};

/** The messages of a contract, each with a table of its fields. */
export function contractInWords({ messages, person, reserved = {} }: EgressContract): string {
  return [
    ...(person === undefined ? [] : [rulesInWords(person)]),
    ...Object.entries(messages).map(([type, declaration]) => messageInWords(type, declaration)),
    ...Object.entries(reserved).map(([type, message]) => reservedInWords(type, message)),
  ].join("\n");
}

function rulesInWords(rules: PersonRules): string {
  const { slotMs, blockSize, verdictDelayMs, verdictPauseMs, budgetBits } = rules;
  return [
    "## The limits",
    "",
    `- A slot lasts ${durationInWords(slotMs)}. At most ${budgetBits} bits about the person leave in a slot, which could spell ${lettersOf(budgetBits)} letters.`,
    "- One `report.slot` leaves in each slot, always of the same length. The device draws its time inside the slot before it counts anything.",
    `- A block is ${blockSize} scored labels. Each block leaves at most once, as two noisy counts.`,
    `- A verdict leaves ${durationInWords(verdictDelayMs)} after the test of the release, however long the judgement took.`,
    `- After a judged release the next release waits ${durationInWords(verdictPauseMs)}, unless the person lets the release in without a verdict.`,
    "",
  ].join("\n");
}

function messageInWords(type: string, declaration: MessageDeclaration): string {
  const { path, purpose, reader, retention, owner, signedUnder, sizeBytes, together, fields } = declaration;
  const bits = capacityBits(domainSizes(declaration)).toFixed(1);
  const personBits = capacityBits(personSizes(declaration)).toFixed(2);
  const signature = `Beside it travels the device key's signature over the line \`${signedUnder?.trim()}\` and the message: 64 bytes, computed from these alone, so 0 bits.`;
  const hasSubjects = Object.values(fields).some(({ about }) => about !== undefined);
  const paragraphs = [
    `${purpose} Travels by ${ways[path]}. At most ${bits} bits${hasSubjects ? `, ${personBits} of them about the person` : ""}.`,
    ...(reader === undefined ? [] : [`Reader: ${reader} Retention: ${retention} Owner: \`${owner}\`.`]),
    ...(sizeBytes === undefined ? [] : [`Every such message has ${sizeBytes} bytes; spaces fill it.`]),
    ...(together === undefined
      ? []
      : [`${together.map((name) => `\`${name}\``).join(" and ")} are empty together or not at all.`]),
    ...(signedUnder === undefined ? [] : [signature]),
  ];
  return [
    `## \`${type}\``,
    "",
    ...paragraphs.flatMap((paragraph) => [paragraph, ""]),
    `| field | values | bits |${hasSubjects ? " about | until |" : ""} meaning |`,
    `| --- | --- | --- |${hasSubjects ? " --- | --- |" : ""} --- |`,
    ...Object.entries(fields).map(([name, field]) => fieldInWords(name, field)),
    "",
  ].join("\n");
}

function fieldInWords(name: string, field: Field): string {
  const { domain, unit: unitName, nullable, about, expires = "always", meaning } = field;
  const unit = unitName === undefined ? "" : ` (${unitName})`;
  const empty = nullable ? ", or empty" : "";
  const bits = Math.log2(domainSize(field)).toFixed(1);
  const subject = about === undefined ? "" : ` ${subjects[about]} | ${expires} |`;
  return `| \`${name}\` | ${domainInWords(domain)}${unit}${empty} | ${bits} |${subject} ${meaning} |`;
}

function reservedInWords(type: string, { purpose, maxBytes, minRows, minDevices }: ReservedMessage): string {
  return [
    `## \`${type}\`, reserved and off`,
    "",
    `${purpose} Every device refuses it under this version.`,
    `It would take at most ${maxBytes} bytes, at least ${minRows} rows of a device and at least ${minDevices} devices.`,
    "",
  ].join("\n");
}

function domainInWords(domain: Domain): string {
  switch (domain.kind) {
    case "enum":
      return `one of ${domain.values.join(", ")}`;
    case "bucket":
      return `one of ${domain.edges.join(", ")} (rounded down)`;
    case "quantized":
      return `whole numbers ${domain.minimum} to ${domain.maximum}, step ${domain.step}`;
    case "identity":
      return "fixed: born at enrolment or given by the server";
    case "counter":
      return "one more than before";
    case "release":
      return "the number of a release that the server signed";
  }
}

function durationInWords(ms: number): string {
  const units = [
    [86_400_000, "days"],
    [3_600_000, "hours"],
    [1_000, "seconds"],
  ] as const;
  const [size, name] = units.find(([size]) => ms >= 2 * size) ?? units[2];
  return `${ms / size} ${name}`;
}
