import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

// The page is embedded into the hub's binary, which serves index.html at / and the
// files of dist/page at /page/. dist/README.md stays: it lets the binary be built
// before the page is.
export default defineConfig({
  plugins: [vue()],
  base: '/',
  build: {
    target: 'es2022',
    assetsDir: 'page',
    assetsInlineLimit: 0, // the page's policy lets nothing in but files of the hub
    emptyOutDir: false,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 800,
    license: { fileName: 'page/licenses.md' },
  },
  server: { proxy: { '/v1': 'http://127.0.0.1:8440', '/.well-known': 'http://127.0.0.1:8440', '/assets': 'http://127.0.0.1:8440' } },
})
