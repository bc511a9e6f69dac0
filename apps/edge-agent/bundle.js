// Joins the built agent and the packages that it uses into a few files, one for each part that is loaded when it is
// needed. A start then finds and reads some five hundred files less. The page becomes one script beside its markup,
// and its worker another. Part of `npm run build`, after the compiler.

import { createHash } from "node:crypto";
import { copyFileSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
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
await bundle({ phone: `${dist}phone/main.js` }, { platform: "browser" }, minified);
const copied = {
  "src/page/": ["index.html", "page.css", "icon.svg"],
  "src/phone/": ["phone.html", "phone.webmanifest"],
  "../../packages/ml/kernels/wasm/": ["attune-simd128.wasm", "attune-relaxed.wasm"],
};
for (const [folder, files] of Object.entries(copied)) {
  for (const file of files) copyFileSync(new URL(folder + file, import.meta.url), `${scratch}/${file}`);
}
// The version of the page follows from its files, and the service worker names its cache by it.
const digest = createHash("sha256");
for (const file of readdirSync(scratch).sort()) digest.update(readFileSync(`${scratch}/${file}`));
await bundle({ "service-worker": `${dist}web/service-worker.js` }, { platform: "browser" }, minified);
const serviceWorker = readFileSync(`${scratch}/service-worker.js`, "utf8");
const version = digest.digest("hex").slice(0, 16);
writeFileSync(`${scratch}/service-worker.js`, `self.pageVersion="${version}";${serviceWorker}`);
for (const file of readdirSync(scratch)) {
  writeFileSync(`${scratch}/${file}.br`, brotliCompressSync(readFileSync(`${scratch}/${file}`)));
}
putInPlace("page-bundle");

if (process.env.npm_config_loglevel !== "silent") {
  const kb = (bytes) => `${(bytes / 1_000).toFixed(1)} kB`;
  for (const name of ["page.js", "phone.js", "worker.js"]) {
    const [plain, compressed] = [name, `${name}.br`].map((file) => readFileSync(`${dist}page-bundle/${file}`).length);
    process.stdout.write(`${name}: ${kb(plain)}, ${kb(compressed)} compressed\n`);
  }
}
