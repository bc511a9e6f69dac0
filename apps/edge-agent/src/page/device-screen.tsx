// The device: its model, its engine and its server.

import type { ComponentChildren } from "preact";
import { usePage } from "./page-context.js";
import { texts } from "./texts.js";

const words = texts.device;

export function DeviceScreen() {
  const { value } = usePage().status;
  if (value === undefined) return <p>{texts.loading}</p>;
  const { device, fleet, release, engine, connected, outbox, contract, predictP50Ms, updateState } = value;
  const rows: [string, ComponentChildren][] = [
    [words.device, device === null ? words.notEnrolled : `${device} (${fleet})`],
    [words.release, release === null ? words.noRelease : `${release.model} ${release.modelVersion} (${updateState})`],
    [words.engine, `${engine.name}: ${engine.why}`],
    [words.prediction, predictP50Ms === null ? "–" : `${predictP50Ms.toFixed(1)} ms`],
    [words.server, connected.server ? words.reached : words.unreached],
    [words.pending, String(outbox.pending)],
    [words.contract, words.contractVersion(contract.spoken, contract.agreed)],
  ];
  return (
    <>
      <h1>{words.title}</h1>
      <dl>
        {rows.map(([name, content]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{content}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}
