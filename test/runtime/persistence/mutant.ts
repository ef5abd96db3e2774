/** The log with one passage of one of its files changed: what the histories must not let pass. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { OpenLog } from './histories.ts'

const source = new URL('../../../runtime/persistence/', import.meta.url)

export async function mutantLog(file: string, from: string, to: string): Promise<OpenLog> {
  const folder = mkdtempSync(join(tmpdir(), 'pit-mutant-'))
  try {
    for (const name of readdirSync(source).filter((each) => each.endsWith('.ts'))) {
      const text = readFileSync(new URL(name, source), 'utf8')
      if (name === file && text.split(from).length !== 2) throw new Error(`the passage does not occur once: ${from}`)
      const code = stripTypeScriptTypes(name === file ? text.replace(from, to) : text)
        .replaceAll(/from '(\.\.[^']+)'/g, (_match, up: string) => `from '${new URL(up, source).href}'`)
        .replaceAll(/from '(\.\/[^']+)\.ts'/g, "from '$1.mjs'")
      writeFileSync(join(folder, name.replace(/\.ts$/, '.mjs')), code)
    }
    const url = pathToFileURL(join(folder, 'index.mjs')).href
    return ((await import(/* @vite-ignore */ url)) as { readonly openLog: OpenLog }).openLog
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
