/** The door of the DAG Tracker. */
export { dagTrackerActor, type DagTrackerConfig } from './actor.ts'
export { dagErrors } from './errors.ts'
export * from './protocol.ts'
export * from './workflow/index.ts'
export { builtinOperators, type Operator, type OperatorContext } from './operators/index.ts'
