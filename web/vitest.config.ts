import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// Pure state only: no page is rendered here, the browser does that in e2e.
export default defineConfig({
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
