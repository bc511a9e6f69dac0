// The way of a new device: enrol, wait for the first release, then the screens.

import { useEffect } from "preact/hooks";
import type { Agent } from "../core/agent-api.js";
import { Failure } from "../page/failure.js";
import { Shell } from "../page/shell.js";
import { texts } from "../page/texts.js";
import { useLoaded } from "../page/use-loaded.js";
import { EnrolScreen } from "./enrol-screen.js";

const lookEveryMs = 1_000;

export function PhonePage({ agent }: { readonly agent: Agent }) {
  const { value: status, error, reload } = useLoaded(() => agent.status(), [agent]);
  const isEnrolled = status !== undefined && status.device !== null;
  const isWaiting = isEnrolled && status.release === null;
  useEffect(() => {
    if (!isEnrolled) return;
    const controller = new AbortController();
    agent.start(controller.signal).catch(reload);
    return () => controller.abort();
  }, [agent, isEnrolled]);
  useEffect(() => {
    if (!isWaiting) return;
    const timer = setInterval(reload, lookEveryMs);
    return () => clearInterval(timer);
  }, [isWaiting, reload]);
  if (error !== undefined) return <main>{<Failure error={error} again={reload} />}</main>;
  if (status === undefined) return <main>{texts.loading}</main>;
  if (!isEnrolled) return <EnrolScreen agent={agent} onEnrolled={reload} />;
  if (!isWaiting) return <Shell agent={agent} />;
  return (
    <main>
      <h1>{texts.enrol.waiting}</h1>
      <p role="status">{texts.enrol.waitingWhy}</p>
    </main>
  );
}
