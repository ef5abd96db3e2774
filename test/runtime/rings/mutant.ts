/** A module of the runtime with one passage changed: what a test must not let pass. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const FOLDERS = { ring: 'rings', waiting: 'rings', 'held-table': 'mailbox' } as const

export async function mutate(file: keyof typeof FOLDERS, from: string, to: string): Promise<unknown> {
  const url = new URL(`../../../runtime/${FOLDERS[file]}/${file}.ts`, import.meta.url)
  const source = readFileSync(url, 'utf8')
  if (source.split(from).length !== 2) throw new Error(`the passage does not occur once: ${from}`)
  const code = stripTypeScriptTypes(source.replace(from, to)).replaceAll(
    /from '(\.[^']+)'/g,
    (_match, specifier: string) => `from '${new URL(specifier, url).href}'`,
  )
  const folder = mkdtempSync(join(tmpdir(), 'pit-mutant-'))
  try {
    writeFileSync(join(folder, 'mutant.mjs'), code)
    return await import(/* @vite-ignore */ pathToFileURL(join(folder, 'mutant.mjs')).href)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
