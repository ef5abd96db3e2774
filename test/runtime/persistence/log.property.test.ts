import { expect, test } from 'vitest'
import { play, playHistories } from './histories.ts'

const seed = Number(process.env.PIT_SEED ?? Date.now() % 2 ** 31)

// 10,000 of them, mutants of the log, and a kill at every call of a history are in test/long.
test(`500 random histories: nothing acknowledged is lost, nothing is invented (PIT_SEED=${seed})`, async () => {
  const seen = await playHistories({ runs: 500, seed })
  expect(seen.acknowledged).toBeGreaterThan(300)
  expect(seen.faults).toBeGreaterThan(150)
})

test('a refused record is not there again when what took its place is lost with the power', async () => {
  await play(145972475, [
    { kind: 'power-cut' },
    { kind: 'arm', fault: 'ENOSPC', after: 3, lasting: 2 },
    { kind: 'commit' },
    { kind: 'append', sizes: [105, 293, 1146, 4] },
    { kind: 'commit' },
    { kind: 'append', sizes: [0] },
    { kind: 'begin-commit' },
  ])
})
