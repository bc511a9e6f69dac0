// The page of a device's own daemon: opens its session, then shows the screens.

import { render } from "preact";
import { closeSession, daemonAgent, openSession } from "./daemon-agent.js";
import { AgentFault, type PageAgent } from "./page-agent.js";
import { Shell } from "./shell.js";
import { texts } from "./texts.js";

const place = document.getElementById("page")!;

/** The page locks itself where the session has ended. */
function locking(agent: PageAgent): PageAgent {
  const guarded = Object.entries(agent).map(([name, call]) => [
    name,
    async (...input: unknown[]) => {
      try {
        return await (call as (...input: unknown[]) => Promise<unknown>)(...input);
      } catch (error) {
        if (error instanceof AgentFault && error.code === "UNAUTHORIZED") lock(true);
        throw error;
      }
    },
  ]);
  return Object.fromEntries(guarded) as PageAgent;
}

function lock(hasEnded: boolean): void {
  closeSession();
  render(<Locked hasEnded={hasEnded} />, place);
}

function Locked({ hasEnded }: { readonly hasEnded: boolean }) {
  return (
    <main>
      <h1>{texts.session.title}</h1>
      {hasEnded ? <p>{texts.session.ended}</p> : null}
      <p>{texts.session.what}</p>
      <pre>
        <code>{texts.session.command}</code>
      </pre>
    </main>
  );
}

try {
  const session = await openSession();
  if (session === undefined) lock(false);
  else render(<Shell agent={locking(daemonAgent(session))} />, place);
} catch {
  lock(true);
}
