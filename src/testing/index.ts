/** The test kit of `symphony-pit/testing`: actors on one thread, time that tests move, and whole systems in a simulation. */
export {
  createFaultyDisk,
  createVirtualClock,
  simulate,
  simulateSeeds,
  startInProcess,
  type FaultRates,
  type FaultyDisk,
  type InProcessOptions,
  type PlannedFault,
  type Simulation,
  type SimulationOptions,
  type SimulationStep,
  type VirtualClock,
} from '../../runtime/testing/index.ts'
