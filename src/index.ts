/** The door of `symphony-pit`: open a Pit, build workflows, match errors. */
export { Pit, type AllocateOptions, type ExecuteOptions, type OpenOptions } from './pit.ts'
export type { PitConfig } from './config.ts'
export type { InferOptions, ModelLease } from './model-lease.ts'
export type { WorkflowSource } from './workflow-source.ts'
export type { ModelsClient } from './clients/models.ts'
export type { EventsOptions, StartOptions, WorkflowsClient } from './clients/workflows.ts'
export type { ArtifactReference, ArtifactsClient, PutOptions } from './clients/artifacts.ts'
export type { ArbitrationClient, ArbitrationRequest } from './clients/arbitration.ts'
export type { CleanupOptions, RetentionClient, TrashedPlan } from './clients/retention.ts'
export { parseWorkflow, validateWorkflow, workflow } from '../actors/dag-tracker/index.ts'

export {
  NodeState,
  RunState,
  type ExecutionResult,
  type NodeReport,
  type PortValue,
  type RunEvent,
  type RunSummary,
} from '../actors/dag-tracker/protocol.ts'
export {
  ModelState,
  type InferResult,
  type ModelInfo,
  type ModelSpec,
  type Usage,
} from '../actors/pool-manager/protocol.ts'
export {
  DenialReason,
  Priority,
  type ArbitrationResult,
  type DecisionRecord,
  type ResourceRequest,
  type Ruling,
} from '../actors/arbitration-engine/protocol.ts'
export {
  isContentHash,
  type ArtifactInfo,
  type ArtifactInput,
  type ArtifactQuery,
  type ContentHash,
  type SearchHit,
  type SearchResult,
} from '../actors/artifact-store/protocol.ts'
export type {
  CleanupPlan,
  CleanupResult,
  RetentionDecision,
  RetentionPolicy,
  RetentionRule,
} from '../actors/stale-manager/protocol.ts'
export { isPitError, PitError, type ErrorAction, type Logger } from '../runtime/index.ts'
