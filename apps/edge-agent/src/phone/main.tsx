// The page of an agent in this browser: starts the worker that holds the agent, then shows the same screens as a
// daemon's page.

import { render } from "preact";
import { texts } from "../page/texts.js";
import { connectAgent } from "../web/agent-proxy.js";
import { ownScript } from "./own-script.js";
import { PhonePage } from "./phone-page.js";

const place = document.getElementById("page")!;

// Outside of a secure context there is neither a service worker nor a key, and the worker names that.
if ("serviceWorker" in navigator) {
  navigator.serviceWorker.register(ownScript("service-worker.js")).catch(() => {
    // The page works without it, online.
  });
}
document.title = texts.name;
const agent = connectAgent(new Worker(ownScript("worker.js"), { type: "module" }));
render(<PhonePage agent={agent} />, place);
