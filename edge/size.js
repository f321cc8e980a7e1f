/** Says how heavy the built Worker is, and fails when it is more than it may be. */
import { readFileSync, readdirSync } from "node:fs";
import { gzipSync } from "node:zlib";

/** Most bytes of the Worker, gzipped. */
const LIMIT = 20_000;

const folder = new URL("dist/", import.meta.url);
const names = readdirSync(folder).filter((name) => /\.(js|html|css)$/.test(name));
const parts = names.map((name) => readFileSync(new URL(name, folder)));
const size = gzipSync(Buffer.concat(parts), { level: 9 }).length;
console.log(`${names.join(", ")}: ${size} bytes gzipped, at most ${LIMIT}`);
process.exitCode = size > LIMIT ? 1 : 0;
