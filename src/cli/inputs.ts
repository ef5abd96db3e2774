/** Inputs of a run from the command line: `--input k=v`, by the types the workflow declares, over `--input-file`. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parse } from 'yaml'
import type { DataType, WorkflowDefinition } from '../../actors/dag-tracker/index.ts'
import { hostErrors } from '../errors.ts'
import type { Arguments } from './command.ts'
import { keyAndValue } from './invocation.ts'

/** Own properties only: an input may be called `__proto__`. */
export function readInputs(args: Arguments, definition: WorkflowDefinition, cwd: string): Record<string, unknown> {
  const inputs = new Map(Object.entries(readInputFile(args.text('input-file'), cwd)))
  const given = new Map<string, string[]>()
  for (const pair of args.list('input')) {
    const [name, text] = keyAndValue('input', pair)
    given.set(name, [...(given.get(name) ?? []), text])
  }
  const declared = new Map(Object.entries(definition.inputs ?? {}))
  for (const [name, texts] of given) inputs.set(name, valueOf(texts, declared.get(name)?.type ?? 'any'))
  return Object.fromEntries(inputs)
}

function readInputFile(file: string | undefined, cwd: string): object {
  if (file === undefined) return {}
  const path = resolve(cwd, file)
  try {
    const values: unknown = parse(readFileSync(path, 'utf8'))
    if (typeof values === 'object' && values !== null && !Array.isArray(values)) return values
  } catch (cause) {
    throw hostErrors.fail('INPUT_UNREADABLE', { path, reason: (cause as Error).message }, { cause })
  }
  throw hostErrors.fail('INPUT_UNREADABLE', { path, reason: 'it holds no object of inputs by name' })
}

/** Text that does not fit the type is passed on as it is: the engine's message names input, type and value. */
function valueOf(texts: readonly string[], type: DataType): unknown {
  if (type === 'array') return texts.length === 1 && isJson(texts[0]!, '[') ? fromJson(texts[0]!) : texts.map(fromJson)
  const text = texts.at(-1)!
  return type === 'string' ? text : fromJson(text)
}

function isJson(text: string, start: string): boolean {
  return text.trimStart().startsWith(start)
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}
