/**
 * The key-encryption key: where it comes from, and how it is known without being told.
 *
 * I1. It is in this thread's memory and nowhere else: not on the disk, in no message, no log line and no error.
 */
import { readFileSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'
import { hash } from 'node:crypto'
import { pathToFileURL } from 'node:url'
import { own } from '../../../runtime/index.ts'
import { artifactErrors } from '../errors.ts'
import type { KeySource } from '../protocol.ts'
import { KEY_BYTES } from './key-tree.ts'

export interface KeyEncryptionKey {
  readonly bytes: Uint8Array
  /** Of the key, 16 hex digits: tells keys apart, and nothing of them. */
  readonly id: string
}

const PROVIDER_EXPORT = 'key'
const HEX = /^[0-9a-fA-F]{64}$/
const BASE64 = /^[A-Za-z0-9+/]{43}=$/

/** Errors: `ENCRYPTION_KEY_MISSING`, `ENCRYPTION_KEY_INVALID`. */
export async function loadKey(source: KeySource): Promise<KeyEncryptionKey> {
  const from = describeKeySource(source)
  if ('env' in source) return keyOf(environmentValue(source.env, from), from)
  if ('file' in source) return keyOf(fileBytes(source.file, from), from)
  return keyOf(await provided(source.module, source.export ?? PROVIDER_EXPORT, from), from)
}

/** For messages. */
export function describeKeySource(source: KeySource): string {
  if ('env' in source) return `environment variable ${source.env}`
  if ('file' in source) return `file ${source.file}`
  return `${source.module}#${source.export ?? PROVIDER_EXPORT}`
}

export function keyId(bytes: Uint8Array): string {
  return hash('sha256', Buffer.concat([Buffer.from('symphony-pit key id\n'), bytes])).slice(0, 16)
}

function keyOf(value: unknown, from: string): KeyEncryptionKey {
  const bytes = keyBytes(value)
  if (bytes === null) throw artifactErrors.fail('ENCRYPTION_KEY_INVALID', { source: from })
  return Object.freeze({ bytes, id: keyId(bytes) })
}

/** 32 bytes, as they are or as text: 64 hex digits or base64. */
function keyBytes(value: unknown): Uint8Array | null {
  if (value instanceof Uint8Array && value.length === KEY_BYTES) return Uint8Array.from(value)
  const text = (value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value)).trim()
  if (HEX.test(text)) return Uint8Array.from(Buffer.from(text, 'hex'))
  return BASE64.test(text) ? Uint8Array.from(Buffer.from(text, 'base64')) : null
}

function environmentValue(name: string, from: string): string {
  const value = own(process.env, name)
  if (typeof value === 'string' && value !== '') return value
  throw missing(from, 'it is not set')
}

function fileBytes(path: string, from: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw missing(from, (cause as NodeJS.ErrnoException).code ?? 'it cannot be read')
  }
}

/** What the provider throws is not passed on: it may name what must not be named. */
async function provided(module: string, name: string, from: string): Promise<unknown> {
  const isPath = isAbsolute(module) || module.startsWith('.')
  let provider: unknown
  try {
    provider = own((await import(isPath ? pathToFileURL(resolve(module)).href : module)) as object, name)
  } catch {
    throw missing(from, 'the module cannot be imported')
  }
  if (typeof provider !== 'function') throw missing(from, 'the module exports no such function')
  try {
    return await (provider as () => unknown)()
  } catch {
    throw missing(from, 'the provider failed')
  }
}

function missing(source: string, problem: string): Error {
  return artifactErrors.fail('ENCRYPTION_KEY_MISSING', { source, problem })
}
