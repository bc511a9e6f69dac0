// Joins the built agent and the packages that it uses into a few files, one for each part that is loaded when it is
// needed. A start then finds and reads some five hundred files less. The page becomes one script beside its markup,
// and its worker another. Part of `npm run build`, after the compiler.

import { copyFileSync, readFileSync, renameSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";
import { rolldown } from "rolldown";

const dist = fileURLToPath(new URL("dist/", import.meta.url));
const scratch = `${dist}bundle-${process.pid}`;

async function bundle(input, options, output) {
  const bundler = await rolldown({
    input,
    ...options,
    onLog(level, log) {
      if (level === "warn") throw new Error(log.message);
    },
  });
  await bundler.write({ dir: scratch, format: "esm", ...output });
  await bundler.close();
}

/** Replaces the folder as a whole, so that nobody reads half of it. */
function putInPlace(folder) {
  rmSync(`${dist}${folder}`, { recursive: true, force: true });
  renameSync(scratch, `${dist}${folder}`);
}

// classic-level finds its compiled part beside its own files. Nothing is renamed, so that a stack names the functions
// as the sources do.
await bundle(`${dist}node/main.js`, { platform: "node", external: ["classic-level"] }, { comments: false });
putInPlace("bundle");

const minified = { entryFileNames: "[name].js", minify: true };
await bundle({ page: `${dist}page/main.js` }, { platform: "browser" }, minified);
await bundle({ worker: `${dist}web/main-worker.js` }, { platform: "browser" }, minified);
const pageSource = fileURLToPath(new URL("src/page/", import.meta.url));
for (const file of ["index.html", "page.css", "icon.svg"]) copyFileSync(pageSource + file, `${scratch}/${file}`);
putInPlace("page-bundle");

if (process.env.npm_config_loglevel !== "silent") {
  const kb = (bytes) => `${(bytes / 1_000).toFixed(1)} kB`;
  for (const name of ["page", "worker"]) {
    const code = readFileSync(`${dist}page-bundle/${name}.js`);
    process.stdout.write(`${name}.js: ${kb(code.length)}, ${kb(brotliCompressSync(code).length)} compressed\n`);
  }
}
