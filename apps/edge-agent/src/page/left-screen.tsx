// Every message that left the device, word for word, and the most that all of them can say about the person.

import type { JournalEntry } from "@attune/shared/contracts/audit";
import { lettersOf } from "@attune/shared/contracts/letters";
import { useEffect, useState } from "preact/hooks";
import { Failure } from "./failure.js";
import { usePage } from "./page-context.js";
import { number, texts } from "./texts.js";
import { useLoaded } from "./use-loaded.js";

const words = texts.left;
const pageSize = 50;
/** How often new messages are looked for while the screen is open. */
const refreshMs = 5_000;
const dayMs = 86_400_000;

export function LeftScreen() {
  const { agent, status } = usePage();
  const [pages, setPages] = useState(1);
  const { value } = status;
  const messages = value?.sent.messages ?? 0;
  const first = Math.max(-1, messages - 1 - pages * pageSize);
  const journal = useLoaded(
    () => (value === undefined ? Promise.resolve([]) : agent.journal({ after: first, limit: pages * pageSize })),
    [agent, value === undefined, first, messages],
  );
  useEffect(() => {
    const timer = setInterval(() => void status.reload(), refreshMs);
    return () => clearInterval(timer);
  }, [status.reload]);
  if (value === undefined) return <p>{texts.loading}</p>;
  const { person, sent } = value;
  return (
    <>
      <h1>{words.title}</h1>
      <p>{messages === 0 ? words.none : words.sum(messages, sent.bytes)}</p>
      <p>{words.person(person.bits, lettersOf(person.bits))}</p>
      {person.slot === null ? null : <p>{words.slot(person.slot.bits, person.slot.budgetBits)}</p>}
      {journal.error === undefined ? null : <Failure error={journal.error} again={journal.reload} />}
      {messages === 0 ? null : (
        <>
          <h2>{words.journal}</h2>
          <ol class="journal" reversed>
            {[...(journal.value ?? [])].reverse().map((entry) => (
              <JournalLine key={entry.index} entry={entry} />
            ))}
          </ol>
        </>
      )}
      {first > -1 ? (
        <button type="button" onClick={() => setPages(pages + 1)}>
          {words.earlier}
        </button>
      ) : null}
    </>
  );
}

function JournalLine({ entry }: { readonly entry: JournalEntry }) {
  const { index, type, path, sizeBytes, message } = entry;
  const day = "day" in entry ? new Date(entry.day * dayMs).toISOString().slice(0, 10) : "";
  const fields = Object.entries(message).filter(([name]) => name !== "type" && name !== "contract");
  return (
    <li value={index}>
      <details>
        <summary>
          <span>{day}</span> <strong>{type}</strong> <span>{number(sizeBytes)} B</span>
        </summary>
        <dl>
          <div>
            <dt>{words.way}</dt>
            <dd>{words.path[path]}</dd>
          </div>
          {fields.map(([name, content]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{String(content)}</dd>
            </div>
          ))}
        </dl>
      </details>
    </li>
  );
}
