// Joins the built agent and the packages that it uses into a few files, one for each part that is loaded when it is
// needed. A start then finds and reads some five hundred files less. The page becomes one script beside its markup.
// Part of `npm run build`, after the compiler.

import { copyFileSync, renameSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const dist = fileURLToPath(new URL("dist/", import.meta.url));
const scratch = `${dist}bundle-${process.pid}`;

const agent = await rolldown({
  input: `${dist}node/main.js`,
  platform: "node",
  // The package finds its compiled part beside its own files.
  external: ["classic-level"],
  onLog(level, log) {
    if (level === "warn") throw new Error(log.message);
  },
});
// Nothing is renamed, so that a stack names the functions as the sources do.
await agent.write({ dir: scratch, format: "esm", comments: false });
await agent.close();
rmSync(`${dist}bundle`, { recursive: true, force: true });
renameSync(scratch, `${dist}bundle`);

const page = await rolldown({
  input: `${dist}page/main.js`,
  platform: "browser",
  onLog(level, log) {
    if (level === "warn") throw new Error(log.message);
  },
});
await page.write({ dir: scratch, format: "esm", entryFileNames: "page.js", minify: true });
await page.close();
const pageSource = fileURLToPath(new URL("src/page/", import.meta.url));
for (const file of ["index.html", "page.css", "icon.svg"]) copyFileSync(pageSource + file, `${scratch}/${file}`);
rmSync(`${dist}page-bundle`, { recursive: true, force: true });
renameSync(scratch, `${dist}page-bundle`);
