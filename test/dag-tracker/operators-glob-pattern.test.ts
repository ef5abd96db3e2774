import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compileGlob } from '../../actors/dag-tracker/operators/glob-pattern.ts'

test.for([
  ['*.md', 'a.md', true],
  ['*.md', '.md', true],
  ['*.md', 'a/b.md', false],
  ['**/*.md', 'a.md', true],
  ['**/*.md', 'x/y/z/a.md', true],
  ['**', 'x/y', true],
  ['x/**', 'x/y/z', true],
  ['x/**', 'x', true],
  ['x/**/z', 'x/z', true],
  ['x/**/z', 'x/a/b/z', true],
  ['**/a/**/b', 'q/a/r/a/b', true],
  ['**/a/**/b', 'q/b/a', false],
  ['a?c', 'abc', true],
  ['a?c', 'ac', false],
  ['[a-c]x', 'bx', true],
  ['[!a-c]x', 'bx', false],
  ['[!a-c]x', 'dx', true],
  ['[]]x', ']x', true],
  ['{a,b}.md', 'b.md', true],
  ['{a,b{c,d}}.md', 'bd.md', true],
  ['{a,b{c,d}}.md', 'b.md', false],
  ['{,x}y', 'y', true],
  ['{a}', '{a}', true],
  [String.raw`\*.md`, '*.md', true],
  [String.raw`\*.md`, 'a.md', false],
  ['./a//b', 'a/b', true],
  ['*a*b*c*', 'xxaxxbxxcxx', true],
  ['*a*b*c*', 'xxaxxcxxbxx', false],
] as const)('%s on %s: %s', ([pattern, path, expected]) => {
  expect(compileGlob(pattern).matches(path)).toBe(expected)
})

test('depth is known when there is no **', () => {
  expect(compileGlob('*/*.md').depthMax).toBe(2)
  expect(compileGlob('{a,b/c/d}').depthMax).toBe(3)
  expect(compileGlob('{a,**}').depthMax).toBe(Infinity)
})

test('matches as the regular expression of the same meaning does', () => {
  const character = fc.constantFrom('a', 'b', '*', '?')
  fc.assert(
    fc.property(
      fc.array(character, { minLength: 1, maxLength: 8 }),
      fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 }),
      (tokens, name) => {
        const source = tokens.map((token) => (token === '*' ? '.*' : token === '?' ? '.' : token)).join('')
        // `**` alone is any number of folders, not a name.
        fc.pre(tokens.join('') !== '**' && name !== '')
        expect(compileGlob(tokens.join('')).matches(name)).toBe(new RegExp(`^${source}$`).test(name))
      },
    ),
  )
})

test('a pattern full of stars stays quick', () => {
  const pattern = compileGlob(`${'*a'.repeat(100)}b`)
  expect(pattern.matches('a'.repeat(4_000))).toBe(false)
  expect(compileGlob(`${'**/a/'.repeat(50)}b`).matches('a/'.repeat(1_000) + 'a')).toBe(false)
})
