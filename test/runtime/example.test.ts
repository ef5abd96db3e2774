/** The page that teaches the runtime shows its example as it is and as it prints. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '../..')
const page = readFileSync(join(root, 'runtime/README.md'), 'utf8')

/** As a user writes it: the package's doors for the sources'. */
function asShown(file: string): string {
  const source = readFileSync(join(root, 'examples/inbox', file), 'utf8')
  return source.replaceAll(/'..\/..\/(runtime(?:\/persistence)?)\/index.ts'/g, "'symphony-pit/$1'")
}

test.each(['inbox.ts', 'main.ts'])('%s stands in the page', (file) => {
  expect(page).toContain(`\`\`\`ts\n${asShown(file)}\`\`\`\n`)
})

test('it prints what the page says', () => {
  const printed = execFileSync(process.execPath, [join(root, 'examples/inbox/main.ts')], { encoding: 'utf8' })
  expect(page).toContain(`\`\`\`\n${printed}\`\`\`\n`)
})
