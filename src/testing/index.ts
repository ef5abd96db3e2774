/** The test kit of `symphony-pit/testing`: actors on one thread, without workers. */
export { startInProcess, type InProcessOptions } from '../../runtime/testing/index.ts'
