// The diary: entries by day, the latest first, with search, a filter and a calendar. Each can be corrected and deleted.

import type { Calendar, Entries } from "@attune/shared/contracts/local-api";
import { useMemo, useState } from "preact/hooks";
import { DiaryCalendar } from "./diary-calendar.js";
import { EmotionMark } from "./emotion-mark.js";
import { Failure } from "./failure.js";
import { LabelChoice } from "./label-choice.js";
import { usePage } from "./page-context.js";
import { texts } from "./texts.js";
import { useLoaded } from "./use-loaded.js";

const words = texts.diary;
const pageSize = 50;
type Entry = Entries["entries"][number];

/** The filter's value for entries without a label; no slug is empty. */
const unlabelled = "-";

export function DiaryScreen() {
  const { agent, labels } = usePage();
  const [search, setSearch] = useState("");
  const [label, setLabel] = useState("");
  const [day, setDay] = useState<string>();
  const [pages, setPages] = useState(1);
  const calendar = useLoaded<Calendar>(() => agent.calendar(), [agent]);
  const asked = {
    ...(search.trim() === "" ? {} : { search: search.trim() }),
    ...(label === "" ? {} : { label: label === unlabelled ? null : label }),
    ...(day === undefined ? {} : { from: day, to: day }),
  };
  const found = useLoaded(() => readPages(agent.entries, asked, pages), [agent, search, label, day, pages]);
  const days = useMemo(() => byDay(found.value?.entries ?? []), [found.value]);
  const hasEntries = (calendar.value?.days.length ?? 0) > 0 || (found.value?.entries.length ?? 0) > 0;
  const isAsking = search !== "" || label !== "" || day !== undefined;

  async function changed(): Promise<void> {
    await Promise.all([found.reload(), calendar.reload()]);
  }

  return (
    <>
      <h1>{words.title}</h1>
      <div class="filters">
        <label>
          {words.search}
          <input
            type="search"
            value={search}
            maxLength={200}
            autocomplete="off"
            spellcheck={false}
            onInput={({ currentTarget }) => setSearch(currentTarget.value)}
          />
        </label>
        <label>
          {words.filter}
          <select value={label} onChange={({ currentTarget }) => setLabel(currentTarget.value)}>
            <option value="">{words.any}</option>
            {labels.slugs.map((slug) => (
              <option key={slug} value={slug}>
                {labels.wordOf(slug)}
              </option>
            ))}
            <option value={unlabelled}>{words.none}</option>
          </select>
        </label>
      </div>
      {calendar.value === undefined || calendar.value.days.length === 0 ? null : (
        <DiaryCalendar calendar={calendar.value} labels={labels} chosen={day} onChoose={setDay} />
      )}
      {found.error === undefined ? null : <Failure error={found.error} again={found.reload} />}
      {found.value === undefined && found.error === undefined ? <p>{texts.loading}</p> : null}
      {found.value !== undefined && days.length === 0 ? (
        <p>{isAsking || hasEntries ? words.noneFound : words.empty}</p>
      ) : null}
      {days.map(([name, entries]) => (
        <section key={name}>
          <h2>{name === "" ? words.undated : words.day(name)}</h2>
          <ul class="entries">
            {entries.map((entry) => (
              <EntryCard key={entry.id} entry={entry} onChanged={changed} />
            ))}
          </ul>
        </section>
      ))}
      {found.value?.more ? (
        <button type="button" onClick={() => setPages(pages + 1)}>
          {words.more}
        </button>
      ) : null}
    </>
  );
}

function EntryCard({ entry, onChanged }: { readonly entry: Entry; onChanged(): Promise<void> }) {
  const { agent, labels, announce } = usePage();
  const [open, setOpen] = useState<"change" | "forget">();
  const [error, setError] = useState<Error>();
  const [isBusy, setBusy] = useState(false);
  const { id, text, label, said } = entry;

  async function perform(change: () => Promise<string>): Promise<void> {
    setBusy(true);
    setError(undefined);
    try {
      announce(await change());
      setOpen(undefined);
      await onChanged();
    } catch (failure) {
      setError(failure as Error);
    } finally {
      setBusy(false);
    }
  }

  const relabel = (slug: string) =>
    perform(async () => {
      await agent.label({ id, text, label: slug });
      return words.changed(labels.wordOf(slug));
    });
  const forget = () =>
    perform(async () => {
      await agent.forget(id);
      return words.forgotten;
    });
  const toggle = (which: "change" | "forget") => setOpen(open === which ? undefined : which);

  return (
    <li>
      <p class="said">
        {said === null ? null : <time dateTime={said}>{words.time(said)}</time>}
        <span class="labelled">
          {label === null ? null : <EmotionMark index={labels.indexOf(label)} />}
          {label === null ? words.none : labels.wordOf(label)}
        </span>
      </p>
      <p class="text">{text}</p>
      <div class="actions">
        <button type="button" class="quiet" aria-expanded={open === "change"} onClick={() => toggle("change")}>
          {words.change}
        </button>
        <button type="button" class="quiet" aria-expanded={open === "forget"} onClick={() => toggle("forget")}>
          {words.forget}
        </button>
      </div>
      {open === "change" ? (
        <LabelChoice labels={labels} slugs={labels.slugs} chosen={label} disabled={isBusy} onChoose={relabel} />
      ) : null}
      {open === "forget" ? (
        <fieldset class="ask">
          <legend>{words.forgetAsk}</legend>
          <button type="button" class="danger" disabled={isBusy} onClick={forget}>
            {words.forgetYes}
          </button>
          <button type="button" disabled={isBusy} onClick={() => setOpen(undefined)}>
            {words.forgetNo}
          </button>
        </fieldset>
      ) : null}
      {error === undefined ? null : <Failure error={error} again={() => setError(undefined)} />}
    </li>
  );
}

type Asked = Omit<NonNullable<Parameters<ReturnType<typeof usePage>["agent"]["entries"]>[0]>, "after" | "limit">;

/** The first pages as one, so that a change in the middle of the list shows. */
async function readPages(
  entries: ReturnType<typeof usePage>["agent"]["entries"],
  asked: Asked,
  pages: number,
): Promise<Entries> {
  const all: Entry[] = [];
  let more = true;
  for (let page = 0; page < pages && more; page++) {
    const last = all.at(-1);
    const answer = await entries({ ...asked, limit: pageSize, ...(last === undefined ? {} : { after: last.id }) });
    all.push(...answer.entries);
    more = answer.more;
  }
  return { entries: all, more };
}

/** Entries without a time stand under the empty day. */
function byDay(entries: readonly Entry[]): [string, Entry[]][] {
  const days = new Map<string, Entry[]>();
  for (const entry of entries) {
    const day = entry.said?.slice(0, 10) ?? "";
    days.set(day, [...(days.get(day) ?? []), entry]);
  }
  return [...days];
}
