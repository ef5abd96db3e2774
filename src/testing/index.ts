/** The test kit of `symphony-pit/testing`: actors on one thread, without workers, and time that tests move. */
export {
  createVirtualClock,
  startInProcess,
  type InProcessOptions,
  type VirtualClock,
} from '../../runtime/testing/index.ts'
