// Writes NAME.br and NAME.gz beside every built file that gains from it, so
// that the server never compresses while it answers. Prints the size of the
// first load against its budget.
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const BUDGET = 450 * 1024; // bytes gzipped: scripts and styles named by index.html
const TEXT = new Set([".js", ".css", ".html", ".json", ".svg", ".txt", ".md", ".webmanifest"]);
const dist = fileURLToPath(new URL("../dist/", import.meta.url));

function* walk(dir) {
  for (const name of readdirSync(dir)) {
    const path = join(dir, name);
    if (statSync(path).isDirectory()) yield* walk(path);
    else yield path;
  }
}

const gz = new Map();
for (const path of [...walk(dist)]) {
  if (!TEXT.has(extname(path))) continue;
  const raw = readFileSync(path);
  if (raw.length < 1024) continue;
  const g = gzipSync(raw, { level: 9 });
  gz.set(path.slice(dist.length), g.length);
  writeFileSync(`${path}.gz`, g);
  writeFileSync(
    `${path}.br`,
    brotliCompressSync(raw, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 10, [constants.BROTLI_PARAM_SIZE_HINT]: raw.length },
    }),
  );
}

const html = readFileSync(join(dist, "index.html"), "utf8");
const first = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+\.(?:js|css))"/g)].map((m) => m[1]);
const total = first.reduce((sum, name) => sum + (gz.get(name) ?? 0), 0);
console.log(
  `first load: ${(total / 1024).toFixed(1)} kB gz in ${first.length} files (budget ${BUDGET / 1024} kB)`,
);
if (total > BUDGET) {
  console.error("first load is over its budget");
  process.exit(1);
}
