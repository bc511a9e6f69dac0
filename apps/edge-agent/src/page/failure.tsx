// A failed call, and a way to retry it.

import { texts } from "./texts.js";

/** An error of the agent says what to do. */
export function Failure({ error, again }: { readonly error: Error; again(): void }) {
  const { message, remedy } = error as Error & { readonly remedy?: string };
  return (
    <section class="failure" role="alert">
      <p>{message}</p>
      {remedy === undefined ? null : <p>{remedy}</p>}
      <button type="button" onClick={again}>
        {texts.again}
      </button>
    </section>
  );
}
