import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";

import { defineConfig } from "vitest/config";

const MARK = "\0text:";

export default defineConfig({
  plugins: [
    {
      // Wrangler builds these in as texts; see the rules in wrangler.jsonc.
      name: "texts",
      enforce: "pre",
      resolveId: (source, importer) =>
        /\.(html|css)$/.test(source) && importer
          ? `${MARK}${resolve(dirname(importer), source)}.js`
          : null,
      load: async (id) =>
        id.startsWith(MARK)
          ? `export default ${JSON.stringify(await readFile(id.slice(MARK.length, -3), "utf8"))}`
          : null,
    },
  ],
  test: { include: ["src/**/*.test.ts"] },
});
