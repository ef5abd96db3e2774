import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { isPitError } from '../../runtime/index.ts'
import { resolveConfig } from '../../src/config.ts'
import { environmentSources } from '../../src/config-sources.ts'

const resolved = (artifacts: unknown) =>
  resolveConfig([{ origin: 'file', values: { artifacts }, baseDir: '/base' }]).config.artifacts

const shorts: [string, object][] = [
  ['env:PIT_KEY', { env: 'PIT_KEY' }],
  ['file:keys/pit', { file: '/base/keys/pit' }],
  ['module:./vault.js#fetchKey', { module: pathToFileURL('/base/vault.js').href, export: 'fetchKey' }],
  ['module:vault', { module: 'vault' }],
]
test.each(shorts)('a key in short: %s', (short, source) => {
  const { encryption } = resolved({ encryption: { key: short, formerKeys: [short], mode: 'encrypt' } })
  expect(encryption).toEqual({ key: source, formerKeys: [source], mode: 'encrypt' })
})

test('a key as an object: paths start at the folder of the source', () => {
  expect(resolved({ encryption: { key: { file: 'k' } } }).encryption!.key).toEqual({ file: '/base/k' })
  expect(resolved({ encryption: { key: { module: '../m.js' } } }).encryption!.key).toEqual({
    module: pathToFileURL('/m.js').href,
  })
  expect(resolved({})).toEqual({})
  expect(resolved({ encryption: null })).toEqual({})
})

test('from the environment, as JSON', () => {
  const env = { PIT_ARTIFACTS: '{"encryption":{"key":"env:PIT_KEY"}}' }
  expect(resolveConfig(environmentSources(env, '/cwd')).config.artifacts.encryption!.key).toEqual({ env: 'PIT_KEY' })
})

const KEY = '0123456789abcdef'.repeat(4)
const wrong: [string, unknown][] = [
  ['the key itself for everything', KEY],
  ['the key itself for a source', { encryption: { key: KEY } }],
  ['the key at the wrong place', { encryption: { key: 'env:A' }, key: KEY }],
  ['the key for the former ones', { encryption: { key: 'env:A', formerKeys: KEY } }],
  ['the key for encryption', { encryption: KEY }],
]
test.each(wrong)('%s is refused, and not shown', (_, artifacts) => {
  try {
    resolveConfig([{ origin: 'object', values: { artifacts }, baseDir: '/' }])
  } catch (error) {
    expect(isPitError(error, 'CONFIG_INVALID')).toBe(true)
    expect(`${String(error)} ${JSON.stringify((error as { fields: object }).fields)}`).not.toContain(KEY)
    return
  }
  throw new Error('it was accepted')
})

test('a mirror: its folder starts at the folder of the source', () => {
  expect(resolved({ mirror: { kind: 'file-system', dir: 'copy' } })).toEqual({
    mirror: { kind: 'file-system', dir: '/base/copy' },
  })
  expect(resolved({ mirror: null })).toEqual({})
  expect(() => resolved({ mirror: { kind: 'tape' } })).toThrow('expected `artifacts.mirror.kind` to be one of')
})
