// All NATS subjects of the product: who may publish and who may receive, and on which subject.

/** One stream holds the reports of every fleet and device; one shared durable consumer reads it. */
export const reportStream = "ATTUNE_REPORTS";
export const reportStreamSubjects = "attune.v1.*.*.report";
export const ingestionConsumer = "ingestion";

/** Lower-case slugs and hexadecimal ids only: neither can hold a wildcard, a dot or an utterance. */
export const fleetPattern = /^[a-z][a-z0-9-]{0,31}$/;
export const devicePattern = /^[0-9a-f]{32}$/;
export const epochPattern = /^[0-9a-f]{16}$/;

/** The only subject on which a device publishes. */
export function reportSubject(fleet: string, device: string): string {
  if (!fleetPattern.test(fleet)) throw new TypeError("fleet is not a slug");
  if (!devicePattern.test(device)) throw new TypeError("device is not 32 hexadecimal digits");
  return `attune.v1.${fleet}.${device}.report`;
}

/** The prefix of the inbox in which this device alone receives the broker's acknowledgements. */
export function inboxPrefix(device: string): string {
  if (!devicePattern.test(device)) throw new TypeError("device is not 32 hexadecimal digits");
  return `_INBOX_${device}`;
}

/** The fleet and device that a report's subject names; undefined when the subject is no report subject. */
export function parseReportSubject(subject: string): { fleet: string; device: string } | undefined {
  const parts = subject.split(".");
  const [root, version, fleet, device, leaf] = parts;
  if (parts.length !== 5 || root !== "attune" || version !== "v1" || leaf !== "report") return undefined;
  if (fleet === undefined || device === undefined || !fleetPattern.test(fleet) || !devicePattern.test(device)) {
    return undefined;
  }
  return { fleet, device };
}
