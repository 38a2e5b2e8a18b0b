import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// HOTLINE_URL is the server that the development server passes the API on to.
const backend = process.env.HOTLINE_URL ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    outDir: "dist",
    emptyOutDir: false, // dist/README stays; scripts/clean.mjs empties the rest
    target: "es2022",
    assetsInlineLimit: 0, // the content security policy allows no data: scripts
    chunkSizeWarningLimit: 900,
    rollupOptions: {
      output: {
        advancedChunks: {
          groups: [
            // One file for the frame's libraries, instead of one per shared icon.
            { name: "vendor", test: /node_modules\/(?!(uplot|wavesurfer))/ },
          ],
        },
      },
    },
  },
  preview: {
    proxy: { "/api": { target: backend, ws: true, changeOrigin: false } },
  },
  server: {
    proxy: { "/api": { target: backend, ws: true, changeOrigin: false } },
  },
});
