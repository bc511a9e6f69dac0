// One version of the egress contract in words, as Markdown: what the person and the auditor read.

import {
  capacityBits,
  type Domain,
  domainSize,
  domainSizes,
  type EgressContract,
  type EgressPath,
  type Field,
  type MessageDeclaration,
} from "./egress-declaration.js";

const ways: Readonly<Record<EgressPath, string>> = { trpc: "tRPC over HTTP", https: "HTTP GET", nats: "NATS" };

/** The messages of a contract, each with a table of its fields. */
export function contractInWords(contract: EgressContract): string {
  return Object.entries(contract)
    .map(([type, declaration]) => messageInWords(type, declaration))
    .join("\n");
}

function messageInWords(type: string, declaration: MessageDeclaration): string {
  const { path, purpose, signedUnder, fields } = declaration;
  const bits = capacityBits(domainSizes(declaration)).toFixed(1);
  const signature =
    signedUnder === undefined
      ? []
      : [
          `Beside it travels the device key's signature over the line \`${signedUnder.trim()}\` and the message: 64 bytes, computed from these alone, so 0 bits.`,
          "",
        ];
  return [
    `## \`${type}\``,
    "",
    `${purpose} Travels by ${ways[path]}. At most ${bits} bits.`,
    "",
    ...signature,
    "| field | values | bits | meaning |",
    "| --- | --- | --- | --- |",
    ...Object.entries(fields).map(([name, field]) => fieldInWords(name, field)),
    "",
  ].join("\n");
}

function fieldInWords(name: string, field: Field): string {
  const unit = field.unit === undefined ? "" : ` (${field.unit})`;
  const empty = field.nullable ? ", or empty" : "";
  const bits = Math.log2(domainSize(field)).toFixed(1);
  return `| \`${name}\` | ${domainInWords(field.domain)}${unit}${empty} | ${bits} | ${field.meaning} |`;
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
  }
}
