/**
 * What it costs this machine, now, to wake a thread: round trips in which both sides sleep in `Atomics.wait`. A quiet virtual
 * machine halts its idle cores, and then it takes many times longer than on one whose cores are kept awake.
 */
import { Worker } from 'node:worker_threads'
import { median } from './rounds.ts'

/** Above it a round trip waits for a core to come back from its halt. */
const SLOW_US = 25

export async function measureWakeUp(count: number): Promise<void> {
  const words = new Int32Array(new SharedArrayBuffer(8))
  const worker = new Worker(new URL('../fixtures/runtime-peer.ts', import.meta.url), {
    workerData: { kind: 'wait', words, count },
  })
  await new Promise((resolve) => worker.once('online', resolve))
  const times: number[] = []
  for (let turn = 1; turn <= count; turn++) {
    const startedAt = performance.now()
    Atomics.store(words, 0, turn)
    Atomics.notify(words, 0)
    while (Atomics.load(words, 1) !== turn) Atomics.wait(words, 1, turn - 1)
    times.push((performance.now() - startedAt) * 1000)
  }
  await worker.terminate()
  const roundTripUs = median(times)
  console.log(
    `wake-up: ${roundTripUs.toFixed(1)} µs there and back in Atomics.wait (${roundTripUs > SLOW_US ? 'slow' : 'fast'} mode)`,
  )
}
