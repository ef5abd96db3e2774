/** The door of the runtime's test kit: actors without threads, and whole systems in a simulation. */
export { startInProcess, type InProcessOptions } from './in-process-system.ts'
export {
  simulate,
  type PlannedFault,
  type Simulation,
  type SimulationOptions,
  type SimulationStep,
} from './simulation.ts'
export { simulateSeeds } from './simulation-seeds.ts'
export type { FaultRates } from './simulation-faults.ts'
export { createFaultyDisk, type FaultyDisk } from './faulty-files.ts'
export { createVirtualClock, type VirtualClock } from './virtual-clock.ts'
