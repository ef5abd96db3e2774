/** First file of every actor's thread: opens the control channel and waits for the supervisor's word. */
import { expose } from 'comlink'
import { parentPort, workerData } from 'node:worker_threads'
import { createIncarnation } from './incarnation.ts'
import type { WorkerBoot } from './wiring.ts'

const boot = workerData as WorkerBoot
if (parentPort === null) throw new Error('worker-entry runs in a worker thread')
expose(createIncarnation(boot, parentPort), boot.control)
