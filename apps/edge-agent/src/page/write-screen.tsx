// An entry: the emotions appear while it is written, one tap confirms or corrects them, and the device learns at once.

import type { Prediction } from "@attune/shared/contracts/local-api";
import { useState } from "preact/hooks";
import { EmotionMark } from "./emotion-mark.js";
import { Failure } from "./failure.js";
import { inWords, ranked } from "./in-words.js";
import { LabelChoice } from "./label-choice.js";
import { usePage } from "./page-context.js";
import { saidNow } from "./said-now.js";
import { percent, texts } from "./texts.js";
import { usePrediction } from "./use-prediction.js";

const words = texts.write;
/** The labels that are shown at first. */
const shownLabels = 3;
const maxCharacters = 8_192;

export function WriteScreen() {
  const { agent, status, labels, announce } = usePage();
  const [text, setText] = useState("");
  const [error, setError] = useState<Error>();
  const [isBusy, setBusy] = useState(false);
  const isEmpty = text.trim() === "";
  const prediction = usePrediction(isEmpty || isBusy ? undefined : text, setError);

  /** The entry leaves the field only after it is stored. */
  async function save(store: () => Promise<string>): Promise<void> {
    setBusy(true);
    setError(undefined);
    try {
      announce(await store());
      setText("");
    } catch (failure) {
      setError(failure as Error);
    } finally {
      setBusy(false);
    }
  }

  const choose = (label: string) =>
    save(async () => {
      const before = await agent.predict({ text });
      await agent.label({ id: crypto.randomUUID(), text, label, said: saidNow() });
      const after = await agent.predict({ text });
      return words.learned(labels.wordOf(label), before.probabilities[label] ?? 0, after.probabilities[label] ?? 0);
    });
  const keep = () =>
    save(async () => {
      await agent.keep({ id: crypto.randomUUID(), text, said: saidNow() });
      return words.kept;
    });

  return (
    <>
      <h1>{words.title}</h1>
      <label for="entry">{words.entry}</label>
      <textarea
        id="entry"
        rows={5}
        value={text}
        maxLength={maxCharacters}
        placeholder={words.placeholder}
        autocomplete="off"
        autocapitalize="sentences"
        spellcheck={false}
        {...{ autocorrect: "off", writingsuggestions: "false" }}
        disabled={isBusy}
        onInput={({ currentTarget }) => {
          setText(currentTarget.value);
          setError(undefined);
          announce("");
        }}
      />
      <p class="hint">{words.staysHere}</p>
      {error === undefined ? null : <Failure error={error} again={() => setError(undefined)} />}
      {status.value?.release === null ? (
        <p>{words.noRelease}</p>
      ) : isEmpty || prediction === undefined ? (
        <p class="hint">{words.empty}</p>
      ) : (
        <Answer prediction={prediction} isBusy={isBusy} onChoose={choose} />
      )}
      {isEmpty ? null : (
        <button type="button" class="quiet" disabled={isBusy} onClick={keep}>
          {words.keep}
        </button>
      )}
    </>
  );
}

interface AnswerProps {
  readonly prediction: Prediction;
  readonly isBusy: boolean;
  onChoose(slug: string): void;
}

function Answer({ prediction, isBusy, onChoose }: AnswerProps) {
  const { labels } = usePage();
  const [showsAll, setShowsAll] = useState(false);
  const order = ranked(prediction);
  const first = prediction.label;
  const others = labels.slugs.filter((slug) => slug !== first);
  return (
    <section class="answer">
      <p class="sounds" aria-live="polite">
        <EmotionMark index={labels.indexOf(first)} />
        {inWords(prediction, labels.wordOf)}
      </p>
      <ul class="bars">
        {order.slice(0, shownLabels).map(({ slug, probability }) => (
          <li key={slug}>
            <span>{labels.wordOf(slug)}</span>
            <meter min={0} max={1} value={probability} aria-label={labels.wordOf(slug)} />
            <span>{percent(probability)}</span>
          </li>
        ))}
      </ul>
      <button type="button" class="main" disabled={isBusy} onClick={() => onChoose(first)}>
        {words.right(labels.wordOf(first))}
      </button>
      <h2>{words.other}</h2>
      <LabelChoice
        labels={labels}
        slugs={showsAll ? others : others.slice(0, 6)}
        disabled={isBusy}
        onChoose={onChoose}
      />
      {others.length > 6 ? (
        <button type="button" class="quiet" aria-expanded={showsAll} onClick={() => setShowsAll(!showsAll)}>
          {showsAll ? words.fewer : words.more}
        </button>
      ) : null}
    </section>
  );
}
