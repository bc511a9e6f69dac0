// The things that the device has learned about the person.

import { EmotionMark } from "./emotion-mark.js";
import { usePage } from "./page-context.js";
import { counted, texts } from "./texts.js";
import { useLoaded } from "./use-loaded.js";

const words = texts.learned;

export function LearnedScreen() {
  const { agent, status, labels } = usePage();
  const calendar = useLoaded(() => agent.calendar(), [agent]);
  const { value } = status;
  if (value === undefined) return <p>{texts.loading}</p>;
  const { train, holdout } = value.utterances;
  const f1 = (score: number | null) => (score === null ? words.unknown : score.toFixed(3));
  return (
    <>
      <h1>{words.title}</h1>
      {train + holdout === 0 ? <p>{words.nothing}</p> : <p>{words.rows(train, holdout)}</p>}
      <p>{words.head[value.head.active]}</p>
      <h2>{words.f1}</h2>
      <dl>
        <dt>{words.prior}</dt>
        <dd>{f1(value.f1Prior)}</dd>
        <dt>{words.personal}</dt>
        <dd>{f1(value.f1Personal)}</dd>
      </dl>
      <h2>{words.labels}</h2>
      <ul class="bars">
        {totals(calendar.value?.days ?? []).map(([slug, count, share]) => (
          <li key={slug}>
            <span>
              <EmotionMark index={labels.indexOf(slug)} /> {labels.wordOf(slug)}
            </span>
            <meter min={0} max={1} value={share} aria-label={labels.wordOf(slug)} />
            <span>{counted(count, "entry", "entries")}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

/** Each label with its number of entries, and that number as a share of the largest one. The largest first. */
function totals(days: readonly { readonly labels: Readonly<Record<string, number>> }[]): [string, number, number][] {
  const counts = new Map<string, number>();
  for (const { labels } of days) {
    for (const [slug, count] of Object.entries(labels)) counts.set(slug, (counts.get(slug) ?? 0) + count);
  }
  const largest = Math.max(...counts.values());
  return [...counts].sort(([, a], [, b]) => b - a).map(([slug, count]) => [slug, count, count / largest]);
}
