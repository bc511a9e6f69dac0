// The exact bytes of all valid reports, as patterns. They are written by hand and apart from the schemas, which a
// test holds to them.

import type { Random } from "@attune/ml/tensor/random";
import { hostileDevice, hostileReport } from "./hostile-reports.js";

const device = `"device":"${hostileDevice}"`;
const epoch = '"epoch":"[0-9a-f]{16}"';
const release = '"releaseSequence":(?:0|[1-9]\\d{0,4})';
const sequence = '"sequence":[1-9]\\d{0,9}';
const buckets = "(?:0|100|250|500|1000|2000|4000|8000|16000|32000|64000|128000|256000)";
const engine = '"engine":"(?:reference|wasm|native)"';
const states = "idle|downloading|verifying|testing|committed|rejected|failed|timedOut|rolledBack";
const reasons =
  "none|manifestMalformed|manifestSignature|manifestExpired|manifestRollback|manifestMismatch|contractUnsupported|" +
  "digestMismatch|sizeMismatch|extractorInvalid|goldenMismatch|inferenceFailed|network|diskFull|deadline|loop";
const right = "(?:-[24]|[02468]|[1-4][02468]|5[024])";
const rights = `(?:,"rightAnswering":${right},"rightPrior":${right}|,"rightAnswering":null,"rightPrior":null)?`;
/** A field that devices leave out after its last day. */
const ended = (field: string) => `(?:,${field})?`;

/** The keys are in the order of the alphabet. */
const forms: readonly { readonly pattern: RegExp; readonly sizeBytes?: number }[] = [
  {
    pattern: new RegExp(
      `^\\{"contract":2,${device}${ended(engine)},${epoch}${ended(`"predictP50":${buckets}`)}${ended(`"predictP90":${buckets}`)},${release},${sequence},"type":"report\\.device"\\}$`,
    ),
  },
  {
    pattern: new RegExp(
      `^\\{"contract":2,${device},${epoch}${ended(`"reason":"(?:${reasons})"`)},${release},${sequence}${ended(`"state":"(?:${states})"`)},"type":"report\\.state"\\}$`,
    ),
  },
  {
    pattern: new RegExp(
      `^\\{"contract":2,${device},${epoch},${release}${rights},${sequence},"slot":[1-9]\\d{0,9},"type":"report\\.slot"\\} *$`,
    ),
    sizeBytes: 384,
  },
  {
    pattern: new RegExp(
      `^\\{"contract":2,${device},${epoch},${release},${sequence},"type":"report\\.verdict"${ended('"verdict":"(?:better|same|worse|tooLittle)"')}\\} *$`,
    ),
    sizeBytes: 320,
  },
  {
    // Version 1 declares the same report of a state, with two more words and no last day.
    pattern: new RegExp(
      `^\\{"contract":1,${device},${epoch},"reason":"(?:${reasons}|personalInferior)",${release},${sequence},"state":"(?:${states}|gating)","type":"report\\.state"\\}$`,
    ),
  },
];

const limits: readonly (readonly [name: string, most: number])[] = [
  ["releaseSequence", 65_535],
  ["sequence", 2_147_483_647],
  ["slot", 2_147_483_647],
];

/** Whether the bytes are one of the valid reports of `hostileDevice`, of version 2 or of version 1's states. */
function isExactReport(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes).toString("latin1");
  const form = forms.find(({ pattern }) => pattern.test(text));
  if (form === undefined || (form.sizeBytes !== undefined && form.sizeBytes !== bytes.length)) return false;
  return limits.every(([name, most]) => Number(new RegExp(`"${name}":(\\d+)`).exec(text)?.[1] ?? 0) <= most);
}

type Parse = (
  bytes: Uint8Array,
) => { readonly ok: true; readonly value: { readonly body: string } } | { readonly ok: false; readonly reason: string };

interface HostileOutcome {
  readonly accepted: number;
  /** The number of refusals by their reason. */
  readonly refused: Readonly<Record<string, number>>;
  /** The bodies that were accepted and are no exact report, or the reverse. */
  readonly wrong: readonly string[];
}

/** Judges so many hostile reports, one after the other. */
export function judgeHostile(parse: Parse, cases: number, random: Random): HostileOutcome {
  const refused: Record<string, number> = {};
  const wrong: string[] = [];
  let accepted = 0;
  for (let i = 0; i < cases; i++) {
    const bytes = hostileReport(random);
    const parsed = parse(bytes);
    if (parsed.ok) accepted++;
    else refused[parsed.reason] = (refused[parsed.reason] ?? 0) + 1;
    const body = Buffer.from(bytes).toString("latin1");
    if (parsed.ok !== isExactReport(bytes) || (parsed.ok && parsed.value.body !== body)) wrong.push(body);
  }
  return { accepted, refused, wrong };
}
