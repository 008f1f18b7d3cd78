// The size budget: JavaScript that a page needs before it can be used, gzipped.
// What is imported on demand (a map that somebody opens) does not count, what a page imports does.
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const budgets_kb = {
  'src/pages/ReportPage.vue': 350,
  'src/pages/TrackPage.vue': 350,
  'src/pages/CockpitPage.vue': 900,
  'src/pages/CasesPage.vue': 900,
}
const dist = new URL('../dist/', import.meta.url)
const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', dist), 'utf8'))

function files(key, seen = new Set()) {
  const chunk = manifest[key]
  if (!chunk || seen.has(chunk.file)) return seen
  seen.add(chunk.file)
  for (const other of chunk.imports ?? []) files(other, seen)
  return seen
}
let over = false
for (const [page, budget] of Object.entries(budgets_kb)) {
  const all = new Set([...files('index.html'), ...files(page)])
  let bytes = 0
  for (const file of all) bytes += gzipSync(readFileSync(new URL(file, dist))).length
  const kb = Math.round(bytes / 1024)
  over ||= kb > budget
  console.log(`${page}: ${kb} kB of ${budget} kB${kb > budget ? '  OVER' : ''}`)
}
process.exit(over ? 1 : 0)
