// The routes of the daemon's local API. This file needs no schema, so that a page takes it without the schemas' parser.

export const localRoutes = {
  predict: { method: "POST", path: "/v1/predictions" },
  label: { method: "PUT", path: "/v1/utterances/:id" },
  forget: { method: "DELETE", path: "/v1/utterances/:id" },
  keep: { method: "PUT", path: "/v1/diary/:id" },
  entries: { method: "POST", path: "/v1/diary/search" },
  calendar: { method: "GET", path: "/v1/diary/calendar" },
  exportEntries: { method: "POST", path: "/v1/diary/export" },
  importEntry: { method: "POST", path: "/v1/diary/import" },
  learn: { method: "POST", path: "/v1/learn" },
  status: { method: "GET", path: "/v1/status" },
  journal: { method: "GET", path: "/v1/journal" },
  report: { method: "POST", path: "/v1/report" },
  agree: { method: "PUT", path: "/v1/agreement" },
  letIn: { method: "POST", path: "/v1/let-in" },
} as const;
/** The routes of the page that the daemon serves to its person. */
export const pageRoutes = {
  openLink: { method: "POST", path: "/v1/page/links" },
  openSession: { method: "POST", path: "/v1/page/sessions" },
} as const;

export type LocalCall = keyof typeof localRoutes;

/** The stream of Server-Sent Events, and the description of all routes. */
export const eventsPath = "/v1/events";
export const openApiPath = "/v1/openapi.json";
