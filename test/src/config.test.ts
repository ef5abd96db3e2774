import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { configKeys, resolveConfig, type ConfigSource, type PitConfig } from '../../src/config.ts'
import { environmentName, environmentSources, fileSources, valueFromText } from '../../src/config-sources.ts'

const source = (values: object, origin = 'object', baseDir = '/base'): ConfigSource => ({ origin, values, baseDir })
const resolved = (values: PitConfig) => resolveConfig([source(values)]).config

describe('defaults', () => {
  test('every key has one, and a description', () => {
    const { config, origins } = resolveConfig([])
    expect(Object.keys(config)).toEqual(Object.keys(configKeys))
    expect(new Set(Object.values(origins))).toEqual(new Set(['default']))
    expect(config.dataDir).toBe(resolve('.pit'))
    for (const { description } of Object.values(configKeys)) expect(description.length).toBeGreaterThan(10)
  })

  test('undefined means not given', () => {
    const values = { tenant: undefined } as unknown as PitConfig
    expect(resolveConfig([source(values)]).origins.tenant).toBe('default')
  })
})

describe('precedence', () => {
  test('the higher source wins, key by key, and is remembered', () => {
    const { config, origins } = resolveConfig([
      source({ tenant: 'object', graceDays: 1, dataDir: 'a' }),
      source({ tenant: 'file', graceDays: 2 }, 'file pit.config.yaml'),
      source({ tenant: 'flag' }, 'flag --tenant'),
    ])
    expect(config).toMatchObject({ tenant: 'flag', graceDays: 2, dataDir: '/base/a' })
    expect(origins).toMatchObject({ tenant: 'flag --tenant', graceDays: 'file pit.config.yaml', dataDir: 'object' })
  })

  test('relative paths start at the folder of their source', () => {
    const { config } = resolveConfig([
      source({ dataDir: 'data', models: ['m=module:./m.ts#model'] }, 'file', '/etc/pit'),
    ])
    expect(config.dataDir).toBe('/etc/pit/data')
    expect(config.models).toMatchObject([{ id: 'm', backend: { module: pathToFileURL('/etc/pit/m.ts').href } }])
  })

  test('models are merged by id over all sources', () => {
    const model = (id: string, name: string) => ({
      id,
      backend: { kind: 'openai-http' as const, url: 'http://x', model: name },
    })
    const { config, origins } = resolveConfig([
      source({ models: [model('a', 'low'), model('b', 'low')] }),
      source({ models: [model('b', 'high')] }, 'flag --model'),
    ])
    expect(config.models.map(({ id, backend }) => [id, (backend as { model: string }).model])).toEqual([
      ['a', 'low'],
      ['b', 'high'],
    ])
    expect(origins.models).toBe('object, flag --model')
  })

  test('a polluted prototype configures nothing', () => {
    const values = Object.create({ tenant: 'evil', dataDir: '/evil' }) as PitConfig
    expect(resolveConfig([source(values)]).config).toMatchObject({ tenant: 'default', dataDir: resolve('.pit') })
  })
})

describe('mistakes are named with origin, key, expectation and value', () => {
  test.each<[unknown, string]>([
    [{ tenat: 'x' }, 'expected `tenat` to be a known option'],
    [{ dataDir: '' }, 'expected `dataDir` to be a non-empty string, got ``'],
    [{ dataDir: 5 }, 'expected `dataDir` to be a non-empty string, got `5`'],
    [{ resume: 'yes' }, 'expected `resume` to be one of auto, manual, got `yes`'],
    [{ maxConcurrency: 0 }, 'expected `maxConcurrency` to be a whole number from 1'],
    [{ maxConcurrency: '8' }, 'expected `maxConcurrency` to be a whole number from 1'],
    [{ graceDays: 1.5 }, 'expected `graceDays` to be a whole number from 0'],
    [{ hostThreads: Number.NaN }, 'expected `hostThreads` to be a whole number'],
    [{ models: {} }, 'expected `models` to be a list of models'],
    [{ models: [null] }, 'expected `models[0]` to be a model spec'],
    [{ models: [{ id: 'x' }] }, 'expected `models[0]` to be a model spec'],
    [{ capacity: [] }, 'expected `capacity` to be an object of units'],
    [{ capacity: { cpu: -1 } }, 'expected `capacity.cpu` to be a number of units'],
    [{ tenants: [{ tenant: 'a', weight: 0 }] }, 'expected `tenants[0].weight` to be a number above 0, got `0`'],
    [{ tenants: [{ tenant: 'a', wieght: 1 }] }, 'expected `tenants[0].wieght` to be a known option'],
    [{ tenants: [null] }, 'expected `tenants[0]` to be { tenant, weight }'],
    [{ policies: 'all' }, 'expected `policies` to be a list'],
    [{ logLevel: 'loud' }, 'expected `logLevel` to be one of silent, error'],
    [null, 'expected `configuration` to be an object'],
    [[], 'expected `configuration` to be an object'],
  ])('%j', (values, message) => {
    const resolving = () => resolveConfig([source(values as object, 'file x.yaml')])
    expect(resolving).toThrow(message)
    expect(resolving).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
    expect(resolving).toThrow('file x.yaml')
  })
})

describe('the environment', () => {
  test('names follow from keys', () => {
    expect(environmentName('dataDir')).toBe('PIT_DATA_DIR')
    expect(environmentName('memoryBudgetBytes')).toBe('PIT_MEMORY_BUDGET_BYTES')
  })

  test('text becomes values by the type of the key; foreign and empty variables do not count', () => {
    const env = {
      PIT_DATA_DIR: 'env-data',
      PIT_MAX_CONCURRENCY: '9',
      PIT_CAPACITY: '{"gpu":2}',
      PIT_MODELS: 'a=openai:http://x#m b=openai:http://x#n',
      PIT_TENANT: '',
      PIT_DATA: 'somewhere',
      HOME: '/home/me',
    }
    const { config, origins } = resolveConfig(environmentSources(env, '/base'))
    expect(config).toMatchObject({ dataDir: '/base/env-data', maxConcurrency: 9, tenant: 'default' })
    expect(config.capacity).toMatchObject({ gpu: 2, cpu: expect.any(Number) as number })
    expect(config.models.map(({ id }) => id)).toEqual(['a', 'b'])
    expect(origins.dataDir).toBe('environment PIT_DATA_DIR')
  })

  test('what does not fit is shown as it was written', () => {
    expect(() => resolveConfig(environmentSources({ PIT_GRACE_DAYS: 'a week' }, '/'))).toThrow(
      'environment PIT_GRACE_DAYS: expected `graceDays` to be a whole number from 0 to 36500, got `a week`',
    )
  })

  test('a text key stays text', () => expect(valueFromText('tenant', '42')).toBe('42'))
})

describe('the file', () => {
  let folder: string
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'pit-config-'))))
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  test('is found in the working folder, in YAML or JSON', () => {
    expect(fileSources(undefined, {}, folder)).toEqual([])
    writeFileSync(join(folder, 'pit.config.json'), '{ "tenant": "json" }')
    expect(resolveConfig(fileSources(undefined, {}, folder)).config.tenant).toBe('json')
    writeFileSync(join(folder, 'pit.config.yaml'), 'tenant: yaml\n')
    expect(resolveConfig(fileSources(undefined, {}, folder)).config.tenant).toBe('yaml')
  })

  test('can be named, by argument over PIT_CONFIG', () => {
    writeFileSync(join(folder, 'a.yaml'), 'tenant: a\n')
    writeFileSync(join(folder, 'b.yaml'), 'tenant: b\n')
    expect(resolveConfig(fileSources(undefined, { PIT_CONFIG: 'b.yaml' }, folder)).config.tenant).toBe('b')
    expect(resolveConfig(fileSources('a.yaml', { PIT_CONFIG: 'b.yaml' }, folder)).config.tenant).toBe('a')
  })

  test('may be empty, but not missing when named, nor broken', () => {
    writeFileSync(join(folder, 'pit.config.yaml'), '')
    expect(resolveConfig(fileSources(undefined, {}, folder)).config).toEqual(resolved({}))
    expect(() => fileSources('missing.yaml', {}, folder)).toThrow('missing.yaml cannot be read')
    writeFileSync(join(folder, 'pit.config.yaml'), 'tenant: [\n')
    expect(() => fileSources(undefined, {}, folder)).toThrow(expect.objectContaining({ code: 'CONFIG_UNREADABLE' }))
  })
})
