/** Writes /sw.js: the worker with the list of files that the offline pages need. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'

const source = fileURLToPath(new URL('./worker.js', import.meta.url))
const always = ['/index.html', '/favicon.svg', '/manifest.webmanifest']

interface Chunk {
  fileName: string
  imports: string[]
  dynamicImports: string[]
  facadeModuleId: string | null
  isEntry: boolean
  viteMetadata?: { importedCss: Set<string>; importedAssets: Set<string> }
}

/** `pages`: ends of the paths of modules; what they load later counts too, but not what the entry does. */
export function offline(pages: readonly string[]): Plugin {
  return {
    name: 'yunnao-offline',
    apply: 'build',
    enforce: 'post',
    generateBundle(_options, bundle) {
      const chunks = new Map<string, Chunk>()
      for (const [name, output] of Object.entries(bundle)) if (output.type === 'chunk') chunks.set(name, output as unknown as Chunk)
      const files = new Set<string>()
      const visit = (name: string, follow: boolean): void => {
        const chunk = chunks.get(name)
        if (!chunk || files.has(name)) return
        files.add(name)
        for (const css of chunk.viteMetadata?.importedCss ?? []) files.add(css)
        for (const asset of chunk.viteMetadata?.importedAssets ?? []) files.add(asset)
        for (const other of chunk.imports) visit(other, follow)
        if (follow && !chunk.isEntry) for (const other of chunk.dynamicImports) visit(other, true)
      }
      for (const chunk of chunks.values()) if (chunk.isEntry) visit(chunk.fileName, false)
      for (const page of pages) {
        const chunk = [...chunks.values()].find((c) => c.facadeModuleId?.endsWith(page))
        if (!chunk) throw new Error(`no chunk of ${page}`)
        visit(chunk.fileName, true)
      }
      const list = [...always, ...[...files].map((file) => `/${file}`)].sort()
      const version = createHash('sha256').update(list.join()).digest('hex').slice(0, 12)
      const code = readFileSync(source, 'utf8').replace("'__VERSION__'", JSON.stringify(version)).replace("'__FILES__'", JSON.stringify(list))
      this.emitFile({ type: 'asset', fileName: 'sw.js', source: code })
    },
  }
}
