// Enrolment: the person enters a token, or opens a link that holds one. The token is spent by a tap, never by opening.

import { useState } from "preact/hooks";
import type { Agent } from "../core/agent-api.js";
import { texts } from "../page/texts.js";

interface EnrolScreenProps {
  readonly agent: Agent;
  onEnrolled(): Promise<void>;
}

const words = texts.enrol;

export function EnrolScreen({ agent, onEnrolled }: EnrolScreenProps) {
  const [token, setToken] = useState(tokenInAddress);
  const [isBusy, setBusy] = useState(false);
  const [fault, setFault] = useState<Error & { readonly remedy?: string }>();

  async function enrol(event: Event): Promise<void> {
    event.preventDefault();
    setBusy(true);
    setFault(undefined);
    try {
      // Browsers ask, or decide, at a tap. The agent works where the answer is no.
      await navigator.storage.persist();
      await agent.enrol({ token: token.trim() });
      history.replaceState(null, "", location.pathname);
      await onEnrolled();
    } catch (error) {
      setFault(error as Error);
      setBusy(false);
    }
  }

  return (
    <main>
      <h1>{words.title}</h1>
      <p>{words.what}</p>
      <form onSubmit={enrol}>
        <label for="token">{words.token}</label>
        <input
          id="token"
          type="text"
          required
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          value={token}
          onInput={({ currentTarget }) => setToken(currentTarget.value)}
        />
        <button type="submit" class="main" disabled={isBusy}>
          {words.enrol}
        </button>
      </form>
      {fault === undefined ? null : (
        <div role="alert">
          <p>{fault.message}</p>
          <p>{fault.remedy}</p>
        </div>
      )}
    </main>
  );
}

function tokenInAddress(): string {
  return /^#enrol=(attune1\.[A-Za-z0-9._-]+)$/.exec(location.hash)?.[1] ?? "";
}
