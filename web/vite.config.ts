import { defineConfig } from 'vitest/config'

const server = process.env['COURSESTREAM_SERVER'] ?? 'http://127.0.0.1:8080'

export default defineConfig({
  build: {
    target: 'es2022',
    // light-dark() in the style sheets is meant for these, and is not to be taken apart.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    // Inline data would need exceptions in the Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: {
      '/api': server,
      '/openapi.json': server,
      '/docs': server,
      '/ws': { target: server, ws: true },
    },
  },
  test: {
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/**/*.test.{ts,tsx}'] } },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['e2e/**/*.test.ts'],
          // One browser and one database at a time: the machine is small, and each test has the page to itself.
          fileParallelism: false,
          // As long as the page's own waits: how fast a busy machine is is not what is tested.
          expect: { poll: { timeout: 45_000 } },
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
