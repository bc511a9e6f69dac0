// Chooses one of the release's labels by one tap.

import { EmotionMark } from "./emotion-mark.js";
import type { Labels } from "./labels.js";

interface LabelChoiceProps {
  readonly labels: Labels;
  /** The labels to offer, in this order. */
  readonly slugs: readonly string[];
  readonly chosen?: string | null;
  readonly disabled?: boolean;
  onChoose(slug: string): void;
}

export function LabelChoice({ labels, slugs, chosen, disabled = false, onChoose }: LabelChoiceProps) {
  return (
    <ul class="choice">
      {slugs.map((slug) => (
        <li key={slug}>
          <button type="button" disabled={disabled} aria-pressed={chosen === slug} onClick={() => onChoose(slug)}>
            <EmotionMark index={labels.indexOf(slug)} />
            {labels.wordOf(slug)}
          </button>
        </li>
      ))}
    </ul>
  );
}
