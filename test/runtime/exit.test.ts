import { execFile } from 'node:child_process'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { readLedger, useSystems } from './helpers.ts'

const { tempFile } = useSystems()
const host = fileURLToPath(new URL('./fixtures/host.ts', import.meta.url))

async function run(what: string, file: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [host, what, file], { timeout: 100_000 })
  return stdout
}

describe('a process exits by itself', () => {
  test('when nothing is pending, without close', async () => {
    expect(await run('nothing', await tempFile())).toBe('end of main\n')
  })

  test('but never in the middle of an awaited ask', async () => {
    expect(await run('ask', await tempFile())).toBe('awaited\nend of main\n')
  })

  test('nor while it waits for the next item of a stream; one that nobody reads holds nothing', async () => {
    expect(await run('stream', await tempFile())).toBe('0\n1\n2\nend of main\n')
    expect(await run('open stream', await tempFile())).toBe('{ done: false, value: 0 }\nend of main\n')
  })

  test('and after its tells were taken', async () => {
    const file = await tempFile()
    await run('tell', file)
    expect(readLedger(file)).toHaveLength(3_000)
  })

  test('after close', async () => {
    expect(await run('close', await tempFile())).toBe('closing\nend of main\n')
  })

  test('after a crash loop that has ended its system, with nothing left open', async () => {
    expect(await run('crash loop', await tempFile())).toBe('[]\nend of main\n')
  })

  test('and a host that is itself text on the command line has threads too', async () => {
    const file = await tempFile()
    const code = `process.argv.splice(1, 0, 'host'); process.argv[2] = 'close'; process.argv[3] = ${JSON.stringify(file)}; await import(${JSON.stringify(pathToFileURL(host).href)})`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code], {
      timeout: 100_000,
    })
    expect(stdout).toBe('closing\nend of main\n')
  })
})
