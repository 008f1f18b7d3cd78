import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'
import { offline } from './offline/plugin'

/** The platform that `npm run dev` talks to. */
const platform = process.env.YUNNAO_URL ?? 'http://127.0.0.1:8088'

export default defineConfig({
  plugins: [vue(), offline(['/pages/field/FieldPage.vue', '/pages/ReportPage.vue'])],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  define: {
    __VUE_OPTIONS_API__: 'false',
    __VUE_I18N_FULL_INSTALL__: 'false',
    __VUE_I18N_LEGACY_API__: 'false',
    __INTLIFY_PROD_DEVTOOLS__: 'false',
  },
  server: {
    port: 5173,
    proxy: { '/api': { target: platform }, '/open311': { target: platform } },
  },
  build: {
    target: 'es2022',
    manifest: true,
    reportCompressedSize: false,
    // MapLibre alone is over the default warning; scripts/size.mjs holds the real budget.
    chunkSizeWarningLimit: 1500,
  },
})
