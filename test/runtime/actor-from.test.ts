import { expect, expectTypeOf, test } from 'vitest'
import { childOf } from '../../runtime/index.ts'
import { counter } from './fixtures/counter.ts'
import { useSystems } from './helpers.ts'

const { start } = useSystems()

test('an actor without a protocol has typed calls that follow from its handlers', async () => {
  const { ask } = (await start([childOf(counter)])).ref(counter)
  expectTypeOf(ask.add).parameter(0).toEqualTypeOf<number>()
  expectTypeOf(ask.add).returns.resolves.toEqualTypeOf<number>()
  expectTypeOf(ask.name).returns.resolves.toEqualTypeOf<string>()
  // @ts-expect-error a string is not an amount
  const misuse = (): Promise<number> => ask.add('1')
  expect(await ask.add(2)).toBe(2)
  expect(await misuse()).toBe('21')
  expect(await ask.name(null)).toBe('counter at 21')
})
