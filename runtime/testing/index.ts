/** The door of the runtime's test kit: actors without threads. */
export { startInProcess, type InProcessOptions } from './in-process-system.ts'
export { createVirtualClock, type VirtualClock } from './virtual-clock.ts'
