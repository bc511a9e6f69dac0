// The things that every screen uses: the agent, its latest status, the labels, and the place for announcements.

import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Labels } from "./labels.js";
import type { PageAgent } from "./page-agent.js";
import type { Loaded } from "./use-loaded.js";

interface Page {
  readonly agent: PageAgent;
  readonly status: Loaded<Awaited<ReturnType<PageAgent["status"]>>>;
  readonly labels: Labels;
  /** Shows a message, which a screen reader reads out. */
  announce(message: string): void;
}

export const PageContext = createContext<Page | undefined>(undefined);

/** Only screens call it, and only the shell shows screens. */
export function usePage(): Page {
  return useContext(PageContext)!;
}
