/** Where configuration comes from besides the caller's object: a file and the environment. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parse } from 'yaml'
import { configKeys, type ConfigKeyName, type ConfigSource } from './config.ts'
import { hostErrors } from './errors.ts'

/** Looked for in the working folder, the first that exists. */
export const CONFIG_FILES = ['pit.config.yaml', 'pit.config.yml', 'pit.config.json'] as const

export type Environment = Readonly<Record<string, string | undefined>>

/** `dataDir` → `PIT_DATA_DIR`. */
export function environmentName(key: string): string {
  return `PIT_${key.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
}

/** Each variable is a source of its own, so that a message names it. Lists and tables are JSON; models also short forms. */
export function environmentSources(env: Environment, cwd: string): readonly ConfigSource[] {
  return (Object.keys(configKeys) as ConfigKeyName[]).flatMap((key) => {
    const name = environmentName(key)
    const text = Object.hasOwn(env, name) ? env[name] : undefined
    if (text === undefined || text === '') return []
    return [{ origin: `environment ${name}`, values: { [key]: valueFromText(key, text) }, baseDir: cwd }]
  })
}

/** The file named by the caller or by `PIT_CONFIG`, else the first of `CONFIG_FILES` that exists; none is fine. */
export function fileSources(file: string | undefined, env: Environment, cwd: string): readonly ConfigSource[] {
  const named = file ?? (env.PIT_CONFIG === '' ? undefined : env.PIT_CONFIG)
  const path =
    named === undefined ? CONFIG_FILES.map((name) => join(cwd, name)).find((at) => existsSync(at)) : resolve(cwd, named)
  if (path === undefined) return []
  try {
    const values = parse(readFileSync(path, 'utf8')) as object | null
    // An empty file is a file without settings.
    return [{ origin: `file ${path}`, values: values ?? {}, baseDir: dirname(path) }]
  } catch (cause) {
    const reason = (cause as Error).message
    throw hostErrors.fail('CONFIG_UNREADABLE', { path, reason }, { cause })
  }
}

/**
 * A value written as text (environment, `--set`), by the type of its key. What does not fit stays text, so that the
 * schema's message can show it.
 */
export function valueFromText(key: string, text: string): unknown {
  // An unknown key is for the schema to refuse.
  if (!Object.hasOwn(configKeys, key) || typeof configKeys[key as ConfigKeyName].fallback === 'string') return text
  if (key === 'models' && !text.trimStart().startsWith('[')) return text.split(/\s+/).filter((spec) => spec !== '')
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}
